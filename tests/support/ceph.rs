//! A throw-away Ceph Object Gateway: one monitor, one OSD that keeps everything in memory, and
//! radosgw, from Debian's packages `radosgw`, `ceph-mon`, `ceph-osd` and `ceph-common`.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test may panic")]

use std::fs;
use std::process::Command;

use tower_asset_upload::asset::{IdSource, RandomIds};

use crate::flock::Flock;
use crate::process::{available, free_ports};
use crate::real::Account;

pub(crate) const ACCOUNT: Account = Account {
    id: "AKIACEPH",
    secret: "known/to+the/test",
    region: "default",
};

const PROGRAMS: [&str; 6] = [
    "ceph",
    "ceph-mon",
    "ceph-osd",
    "monmaptool",
    "radosgw",
    "radosgw-admin",
];

/// A gateway on a port of its own, with the account as its only user.
pub(crate) struct Ceph {
    _flock: Flock,
    port: u16,
}

impl Ceph {
    /// `None` where Ceph is not installed; then the test is skipped, and says so.
    pub(crate) fn start(test: &str) -> Option<Self> {
        available(&PROGRAMS, test).then(Self::make)
    }

    fn make() -> Self {
        let flock = Flock::new();
        let [port, mon, osd, osd_front, osd_back, osd_beat] = free_ports();
        let fsid = RandomIds.next_id().to_string();
        let messengers = [osd, osd_front, osd_back, osd_beat];
        let settings = settings(&flock, &fsid, mon, messengers, port);
        let conf = flock.write("ceph.conf", &settings);
        let command = |program: &str, arguments: &str| {
            let mut command = Command::new(program);
            command.arg("--conf").arg(&conf);
            command.args(arguments.split_whitespace());
            command
        };
        let run = |program: &str, arguments: &str| flock.run(&mut command(program, arguments));
        let directory = flock.directory().display();

        let mut monmap = Command::new("monmaptool");
        monmap.args(["--create", "--clobber", "--fsid", &fsid, "--addv", "a"]);
        monmap.arg(format!("[v1:127.0.0.1:{mon}]"));
        flock.run(monmap.arg(flock.directory().join("monmap")));
        for data in ["mon.a", "osd.0"] {
            fs::create_dir(flock.directory().join(data)).unwrap();
        }
        run(
            "ceph-mon",
            &format!("--mkfs -i a --monmap {directory}/monmap"),
        );
        flock.start(&format!("ceph-mon --conf {directory}/ceph.conf -i a -f"));
        let osd = RandomIds.next_id();
        run("ceph", &format!("--connect-timeout 30 osd new {osd} 0"));
        run("ceph-osd", &format!("-i 0 --mkfs --osd-uuid {osd}"));
        run(
            "ceph",
            "osd crush add osd.0 1.0 root=default host=localhost",
        );
        flock.start(&format!("ceph-osd --conf {directory}/ceph.conf -i 0 -f"));
        flock.start(&format!(
            "radosgw --conf {directory}/ceph.conf -n client.rgw -f"
        ));
        let Account { id, secret, .. } = ACCOUNT;
        run(
            "radosgw-admin",
            &format!(
                "-n client.rgw user create --uid tester --display-name tester --access-key {id} \
                 --secret-key {secret}"
            ),
        );
        flock.wait_for_port(port);
        Self {
            _flock: flock,
            port,
        }
    }

    /// `http://127.0.0.1:PORT`
    pub(crate) fn endpoint(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }
}

/// No keys inside the cluster, one copy of everything, few threads and placement groups.
fn settings(flock: &Flock, fsid: &str, mon: u16, osd: [u16; 4], rgw: u16) -> String {
    let directory = flock.directory().display();
    let first = osd.iter().min().unwrap();
    let last = osd.iter().max().unwrap();
    format!(
        "[global]
fsid = {fsid}
mon initial members = a
mon host = v1:127.0.0.1:{mon}
public network = 127.0.0.0/8
cluster network = 127.0.0.0/8
auth cluster required = none
auth service required = none
auth client required = none
ms bind msgr2 = false
ms bind port min = {first}
ms bind port max = {last}
ms async op threads = 1
run dir = {directory}
admin socket = {directory}/$name.asok
log file = {directory}/$name.log
pid file = {directory}/$name.pid
monmap = {directory}/monmap
osd pool default size = 1
osd pool default min size = 1
osd pool default pg num = 1
osd pool default pgp num = 1
osd pool default pg autoscale mode = off
osd crush chooseleaf type = 0
mon allow pool size one = true
mon max pg per osd = 1000
[mon]
mon data = {directory}/mon.a
mon data avail crit = 1
[osd]
osd data = {directory}/osd.0
osd objectstore = memstore
memstore device bytes = 1073741824
osd op num shards = 1
osd op num threads per shard = 1
osd class update on start = false
osd crush update on start = false
[client.rgw]
rgw frontends = beast endpoint=127.0.0.1:{rgw}
rgw thread pool size = 16
rgw enable usage log = false
rgw enable quota threads = false
rgw enable lc threads = false
rgw run sync thread = false
rgw num rados handles = 1
"
    )
}
