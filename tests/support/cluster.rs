//! Throw-away PostgreSQL servers, from the binaries that are installed.
//!
//! A shell watches over each: it stops the server and removes its files when the test asks for that,
//! and also when the test has panicked, was killed, or just ended with the server in a `static`.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test may panic")]
#![allow(
    dead_code,
    unreachable_pub,
    reason = "each test binary uses its part of it"
)]

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::net::TcpStream;
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use tokio_postgres::{Client, NoTls};

use crate::process::{PATIENCE, find, free_port, skip};

/// The user that owns everything.
pub const SUPERUSER: &str = "postgres";

/// Obeys on standard input, and cleans up at its end.
const SHEPHERD: &str = r#"
directory=$1 last=$2; shift 2
stop() {
    [ -n "$pid" ] && kill -s "$1" "$pid" && wait "$pid"
    pid=
}
while read -r order; do
    case $order in
        start) "$@" </dev/null >>"$directory/log" 2>&1 & pid=$!; echo "$pid" ;;
        *) stop "$order"; echo stopped ;;
    esac
done
stop "$last"
rm -rf "$directory"
"#;

// ---------------------------------------------------------------- A program of another user

/// A server program and its files, watched over.
#[derive(Debug)]
pub struct Shepherd {
    child: Child,
    orders: Option<ChildStdin>,
    answers: BufReader<ChildStdout>,
    directory: PathBuf,
}

impl Shepherd {
    /// Makes a directory for the program's files, as the user that it will run as.
    pub fn directory() -> PathBuf {
        let made = tempfile::Builder::new()
            .prefix("asset-upload-test-")
            .tempdir()
            .unwrap()
            .keep();
        if let Some((uid, gid)) = other_user() {
            chown(&made, Some(uid), Some(gid)).unwrap();
        }
        made
    }

    /// Watches over a program that isn't started yet, and that ends at once on the signal `last`.
    pub fn new(directory: PathBuf, last: &str, program: &Path, arguments: &[&str]) -> Self {
        let mut command = as_other_user("/bin/sh");
        let mut child = command
            .args(["-c", SHEPHERD, "shepherd"])
            .arg(&directory)
            .arg(last)
            .arg(program)
            .args(arguments)
            // Ctrl-C is for the test.
            .process_group(0)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        Self {
            orders: child.stdin.take(),
            answers: BufReader::new(child.stdout.take().unwrap()),
            child,
            directory,
        }
    }

    /// `start`, or the signal to stop it with, and to wait for its end.
    pub fn order(&mut self, order: &str) -> String {
        let mut orders = self.orders.as_ref().unwrap();
        writeln!(orders, "{order}").unwrap();
        let mut answer = String::new();
        self.answers.read_line(&mut answer).unwrap();
        assert!(!answer.is_empty(), "the shepherd is gone");
        answer.trim().to_owned()
    }

    /// What the program has said so far.
    pub fn log(&self) -> String {
        let log = fs::read(self.directory.join("log")).unwrap_or_default();
        String::from_utf8_lossy(&log).into_owned()
    }
}

impl Drop for Shepherd {
    fn drop(&mut self) {
        if thread::panicking() {
            let log = self.log();
            let from = log.char_indices().rev().nth(4000).map_or(0, |(at, _)| at);
            eprintln!("--- what the server said last:\n{}", &log[from..]);
        }
        self.orders.take();
        // It can't fail: it is our child, and nobody else waits for it.
        let _ = self.child.wait();
    }
}

/// Servers refuse to run as root: as whom they run then.
fn other_user() -> Option<(u32, u32)> {
    static USER: OnceLock<Option<(u32, u32)>> = OnceLock::new();
    *USER.get_or_init(|| {
        let own = tempfile::tempfile().unwrap().metadata().unwrap().uid();
        if own != 0 {
            return None;
        }
        let users = fs::read_to_string("/etc/passwd").unwrap();
        let ids = |name: &str| {
            let line = users
                .lines()
                .find(|line| line.split(':').next() == Some(name));
            let mut fields = line?.split(':').skip(2).map(str::parse);
            Some((fields.next()?.ok()?, fields.next()?.ok()?))
        };
        let found = ["postgres", "nobody"].into_iter().find_map(ids);
        Some(found.expect("a user `postgres` or `nobody` to run servers as"))
    })
}

/// A command that runs as that user.
pub fn as_other_user(program: impl AsRef<std::ffi::OsStr>) -> Command {
    let mut command = Command::new(program);
    if let Some((uid, gid)) = other_user() {
        command.uid(uid).gid(gid);
    }
    command
        .current_dir("/")
        .env_clear()
        .env("LC_ALL", "C.UTF-8");
    command
}

/// Waits until there is something.
pub fn wait_for<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + PATIENCE;
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(Instant::now() < deadline, "{what}: not within {PATIENCE:?}");
        thread::sleep(Duration::from_millis(5));
    }
}

// ---------------------------------------------------------------- PostgreSQL

/// How a server stops (PostgreSQL, "Shutting Down the Server").
#[derive(Clone, Copy, Debug)]
pub enum Stop {
    /// Ends the sessions, then itself.
    Fast,
    /// As in a crash.
    Immediate,
}

/// A server on a port of its own, which stays the same when it is stopped and started.
#[derive(Debug)]
pub struct Cluster {
    shepherd: Shepherd,
    data: PathBuf,
    port: u16,
    databases: AtomicU32,
}

impl Cluster {
    /// The one that all tests of this binary share, each with databases of its own. `None` where
    /// PostgreSQL is not installed; then the test is skipped, and says so.
    pub fn shared(test: &str) -> Option<&'static Self> {
        static SHARED: OnceLock<Cluster> = OnceLock::new();
        programs(test).map(|programs| SHARED.get_or_init(|| Self::make(&programs, &[])))
    }

    /// One of its own, for a test that stops it or needs other settings, such as `-c fsync=on`.
    pub fn start(test: &str, settings: &[&str]) -> Option<Self> {
        programs(test).map(|programs| Self::make(&programs, settings))
    }

    fn make(programs: &Programs, settings: &[&str]) -> Self {
        let directory = Shepherd::directory();
        let data = directory.join("data");
        let made = as_other_user(&programs.initdb)
            .args(["--no-sync", "--auth=trust", "--encoding=UTF8", "--locale=C"])
            .args(["--username", SUPERUSER, "--pgdata"])
            .arg(&data)
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&made.stderr);
        assert!(made.status.success(), "initdb: {said}");
        // Nobody but `guarded` needs a password: telling that a password is right takes its time.
        let access =
            "host all guarded 127.0.0.1/32 scram-sha-256\nhost all all 127.0.0.1/32 trust\n";
        fs::write(data.join("pg_hba.conf"), access).unwrap();

        let port = free_port();
        let number = port.to_string();
        let mut arguments = vec!["-D", data.to_str().unwrap(), "-p", &number];
        arguments.extend(["-h", "127.0.0.1", "-k", ""]);
        for setting in [
            // What was written survives the end of the server all the same, only not the machine's.
            "fsync=off",
            "full_page_writes=off",
            "max_connections=200",
            "max_wal_size=4GB",
            "shared_buffers=256MB",
        ] {
            arguments.extend(["-c", setting]);
        }
        arguments.extend(settings);
        let shepherd = Shepherd::new(directory, "QUIT", &programs.postgres, &arguments);
        let mut cluster = Self {
            shepherd,
            data,
            port,
            databases: AtomicU32::new(0),
        };
        cluster.resume();
        cluster
    }

    /// Stops it.
    pub fn stop(&mut self, how: Stop) {
        self.shepherd.order(match how {
            Stop::Fast => "INT",
            Stop::Immediate => "QUIT",
        });
    }

    /// Starts it again on the same port, and waits until it takes connections.
    pub fn resume(&mut self) {
        let pid = self.shepherd.order("start");
        // The eighth line of the lock file is the state (PostgreSQL's source, `miscadmin.h`).
        let lock = self.data.join("postmaster.pid");
        wait_for("PostgreSQL is ready", || {
            let running = Path::new("/proc").join(&pid).exists() || !Path::new("/proc").exists();
            assert!(running, "PostgreSQL has ended:\n{}", self.log());
            let text = fs::read_to_string(&lock).ok()?;
            let ours = text.lines().next() == Some(&pid);
            let ready = text
                .lines()
                .nth(7)
                .is_some_and(|state| state.trim() == "ready");
            (ours && ready).then_some(())
        });
    }

    /// Makes it speak TLS, with that certificate and key.
    pub fn encrypt(&mut self, certificate: &str, key: &str) {
        self.stop(Stop::Fast);
        for (name, text) in [("server.crt", certificate), ("server.key", key)] {
            let file = self.data.join(name);
            fs::write(&file, text).unwrap();
            // The server refuses a key that others may read.
            fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).unwrap();
            if let Some((uid, gid)) = other_user() {
                chown(&file, Some(uid), Some(gid)).unwrap();
            }
        }
        let settings = self.data.join("postgresql.auto.conf");
        fs::write(settings, "ssl = on\n").unwrap();
        self.resume();
    }

    /// The process.
    pub fn pid(&self) -> String {
        let lock = fs::read_to_string(self.data.join("postmaster.pid")).unwrap();
        lock.lines().next().unwrap().to_owned()
    }

    pub fn port(&self) -> u16 {
        self.port
    }

    /// Its log so far.
    pub fn log(&self) -> String {
        self.shepherd.log()
    }

    /// The URL of a database.
    pub fn url(&self, database: &str) -> String {
        format!("postgres://{SUPERUSER}@127.0.0.1:{}/{database}", self.port)
    }

    /// Makes an empty database. Gives its URL.
    pub async fn database(&self) -> String {
        let number = self.databases.fetch_add(1, Ordering::Relaxed);
        let name = format!("test_{number}");
        let admin = connect(&self.url("postgres")).await;
        let create = format!("CREATE DATABASE {name}");
        admin.batch_execute(&create).await.unwrap();
        self.url(&name)
    }
}

// ---------------------------------------------------------------- PgBouncer

/// PgBouncer in transaction mode, before all databases of a server.
#[derive(Debug)]
pub struct Bouncer {
    shepherd: Shepherd,
    port: u16,
}

impl Bouncer {
    /// Fewer connections than a store has by default: its clients take turns.
    pub const SERVER_CONNECTIONS: usize = 3;

    /// `None` where PgBouncer is not installed; then the test is skipped, and says so.
    pub fn start(test: &str, cluster: &Cluster) -> Option<Self> {
        let system = Path::new("/usr/sbin/pgbouncer");
        let program = find("pgbouncer").or_else(|| Some(system.to_owned()).filter(|p| p.is_file()));
        let Some(program) = program else {
            skip(&format!("{test} needs pgbouncer"));
            return None;
        };
        let directory = Shepherd::directory();
        let port = free_port();
        let users = directory.join("users");
        fs::write(&users, format!("\"{SUPERUSER}\" \"\"\n")).unwrap();
        let settings = directory.join("pgbouncer.ini");
        let lines = format!(
            "[databases]\n\
             * = host=127.0.0.1 port={}\n\
             [pgbouncer]\n\
             listen_addr = 127.0.0.1\n\
             listen_port = {port}\n\
             unix_socket_dir =\n\
             auth_type = trust\n\
             auth_file = {}\n\
             pool_mode = transaction\n\
             default_pool_size = {}\n\
             max_client_conn = 500\n",
            cluster.port(),
            users.display(),
            Self::SERVER_CONNECTIONS,
        );
        fs::write(&settings, lines).unwrap();
        let settings = settings.to_str().unwrap().to_owned();
        let mut shepherd = Shepherd::new(directory, "TERM", &program, &[&settings]);
        shepherd.order("start");
        let listens = || TcpStream::connect(("127.0.0.1", port)).ok().map(drop);
        wait_for("PgBouncer is ready", listens);
        Some(Self { shepherd, port })
    }

    /// The URL of a database, by way of this.
    pub fn url(&self, database: &str) -> String {
        let (_, name) = database.rsplit_once('/').unwrap();
        format!("postgres://{SUPERUSER}@127.0.0.1:{}/{name}", self.port)
    }

    pub fn log(&self) -> String {
        self.shepherd.log()
    }
}

/// A connection for the test itself.
pub async fn connect(url: &str) -> Client {
    let (client, connection) = tokio_postgres::connect(url, NoTls).await.unwrap();
    // Its end is the end of the client, or that of the server, which the client hears of.
    tokio::spawn(connection);
    client
}

struct Programs {
    initdb: PathBuf,
    postgres: PathBuf,
}

fn programs(test: &str) -> Option<Programs> {
    let found = (|| {
        Some(Programs {
            initdb: server_program("initdb")?,
            postgres: server_program("postgres")?,
        })
    })();
    if found.is_none() {
        skip(&format!("{test} needs PostgreSQL's initdb and postgres"));
    }
    found
}

/// Distributions keep the server's programs out of the path, a directory for each version.
fn server_program(name: &str) -> Option<PathBuf> {
    let of_versions = || {
        let versions = fs::read_dir("/usr/lib/postgresql").ok()?;
        let version = |path: &PathBuf| path.file_name()?.to_str()?.parse::<u32>().ok();
        versions
            .filter_map(|entry| Some(entry.ok()?.path()))
            .filter(|path| path.join("bin").join(name).is_file())
            .max_by_key(version)
            .map(|path| path.join("bin").join(name))
    };
    let of_config = || {
        let said = Command::new("pg_config").arg("--bindir").output().ok()?;
        let directory = String::from_utf8(said.stdout).ok()?;
        Some(Path::new(directory.trim()).join(name)).filter(|path| path.is_file())
    };
    find(name).or_else(of_versions).or_else(of_config)
}

/// All that a log may show of an error: its words, its `Debug`, and those of its causes.
pub(crate) fn told(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(Some(error), |error| error.source());
    let each: Vec<_> = causes.map(|error| format!("{error}\n{error:?}")).collect();
    each.join("\n")
}
