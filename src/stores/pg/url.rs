//! Parsing of a database URL.

use std::error::Error as _;
use std::time::Duration;

use tokio_postgres::Config;
use tokio_postgres::config::Host;

use super::fault::Fault;

/// The name that the server lists in `pg_stat_activity`, unless the URL gives one.
const APPLICATION_NAME: &str = "tower-asset-upload";

/// The driver probes an idle connection after this time, and so notices a peer that is gone. The
/// system's default is two hours.
const KEEPALIVES_IDLE: Duration = Duration::from_mins(1);

/// Parses `postgres://user:password@host:port/database?parameters` (PostgreSQL, "Connection URIs").
///
/// **Secrets.** No error repeats a part of the URL that might be the password.
pub(super) fn parse(url: &str, connect_timeout: Duration) -> Result<Config, Fault> {
    let scheme = ["postgres://", "postgresql://"];
    if !scheme.iter().any(|scheme| url.starts_with(scheme)) {
        return Err(Fault::Url(
            "it has to begin with postgres:// or postgresql://".to_owned(),
        ));
    }
    let mut config: Config = verified(url)
        .parse()
        .map_err(|fault: tokio_postgres::Error| {
            let cause = fault
                .source()
                .map_or_else(|| fault.to_string(), ToString::to_string);
            Fault::Url(cause)
        })?;
    if config.get_hosts().is_empty() && config.get_hostaddrs().is_empty() {
        return Err(Fault::Url("it names no host".to_owned()));
    }
    let has_at_sign = |host: &Host| matches!(host, Host::Tcp(name) if name.contains('@'));
    if config.get_hosts().iter().any(has_at_sign) {
        return Err(Fault::Url(
            "there is a second `@`: write `@` in a user name or a password as %40".to_owned(),
        ));
    }
    if config.get_application_name().is_none() {
        config.application_name(APPLICATION_NAME);
    }
    if !url.contains("keepalives_idle=") {
        config.keepalives_idle(KEEPALIVES_IDLE);
    }
    if config.get_connect_timeout().is_none() {
        // The hosts share the time limit, so an unreachable host leaves time for the next one.
        let hosts = config.get_hosts().len().max(config.get_hostaddrs().len());
        let hosts = u32::try_from(hosts).unwrap_or(u32::MAX).max(1);
        config.connect_timeout(connect_timeout / hosts);
    }
    Ok(config)
}

/// Replaces libpq's `verify-full` and `verify-ca`, which the driver doesn't know, by `require`.
/// Certificates and their host names are always checked here.
fn verified(url: &str) -> String {
    let (place, parameters) = url.split_once('?').unwrap_or((url, ""));
    let parameters: Vec<_> = parameters
        .split('&')
        .map(|parameter| match parameter {
            "sslmode=verify-full" | "sslmode=verify-ca" => "sslmode=require",
            other => other,
        })
        .collect();
    match parameters.join("&") {
        empty if empty.is_empty() => place.to_owned(),
        parameters => format!("{place}?{parameters}"),
    }
}

#[cfg(test)]
mod tests {
    use tokio_postgres::config::SslMode;

    use super::*;

    fn read(url: &str) -> Result<Config, String> {
        parse(url, Duration::from_secs(5)).map_err(|fault| fault.to_string())
    }

    #[test]
    fn urls_are_read() {
        let config = read("postgres://me:p%40ss%2Fword@db.example.com:6432/assets").unwrap();
        assert_eq!(config.get_user(), Some("me"));
        assert_eq!(config.get_password(), Some("p@ss/word".as_bytes()));
        assert_eq!(config.get_dbname(), Some("assets"));
        assert_eq!(config.get_ports(), [6432]);
        assert_eq!(config.get_application_name(), Some(APPLICATION_NAME));
        assert_eq!(config.get_keepalives_idle(), KEEPALIVES_IDLE);
        assert_eq!(config.get_ssl_mode(), SslMode::Prefer);
        let config = read("postgresql://a,b/x?application_name=mine&keepalives_idle=7").unwrap();
        assert_eq!(config.get_hosts().len(), 2);
        let half = Duration::from_millis(2500);
        assert_eq!(config.get_connect_timeout(), Some(&half));
        assert_eq!(config.get_application_name(), Some("mine"));
        assert_eq!(config.get_keepalives_idle(), Duration::from_secs(7));
        for mode in ["require", "verify-ca", "verify-full"] {
            let config = read(&format!("postgres://h/x?sslmode={mode}&options=-c%20a")).unwrap();
            assert_eq!(config.get_ssl_mode(), SslMode::Require, "{mode}");
            assert_eq!(config.get_options(), Some("-c a"));
        }
    }

    #[test]
    fn a_bad_url_is_refused_in_a_sentence_without_its_password() {
        for (url, said) in [
            ("", "begin with postgres://"),
            ("mysql://me:s3cret@h/x", "begin with postgres://"),
            ("host=h password=s3cret", "begin with postgres://"),
            ("postgres://", "names no host"),
            ("postgres://me:s3cret@/x", "names no host"),
            ("postgres://me:s3cret", "port"),
            ("postgres://me:s3cret@h:port/x", "port"),
            ("postgres://me:s3@cret@h/x", "%40"),
            ("postgres://me:s3cret@h/x?sslmode=maybe", "sslmode"),
            ("postgres://me:s3cret@h/x?no_such=1", "no_such"),
            ("postgres://me:s3cret@h/x?flag", "unterminated"),
            ("postgres://me:s3cret@h/%ff", "utf-8"),
        ] {
            let refused = read(url).unwrap_err();
            assert!(refused.contains(said), "{url}: {refused}");
            assert!(!refused.contains("cret"), "{url}: {refused}");
        }
    }
}
