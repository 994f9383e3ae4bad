//! Where Plane's database is: one URL, or its parts.

use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};

use super::variables::{first_of, variable};
use crate::Failure;

/// A database's URL, and the variable that named it. Holds a password, so there is no `Debug`.
pub(crate) struct Database {
    pub source: &'static str,
    pub url: String,
}

impl Database {
    /// As Plane does: `DATABASE_URL`, or where that is empty the parts. The host is `PGHOST` in the
    /// `plane.env` that Plane comes with, and `POSTGRES_HOST` in its code.
    pub(crate) fn read() -> Result<Self, Failure> {
        if let Some(url) = variable("DATABASE_URL")? {
            let schemes = ["postgres://", "postgresql://"];
            if schemes.iter().any(|scheme| url.starts_with(scheme)) {
                let source = "DATABASE_URL";
                return Ok(Self { source, url });
            }
            // It holds a password: it is not repeated.
            return Err("DATABASE_URL is no postgresql://USER:PASSWORD@HOST/NAME".to_owned());
        }
        let Some((source, host)) = first_of(["POSTGRES_HOST", "PGHOST"])? else {
            return Err("DATABASE_URL is not set, and neither is POSTGRES_HOST: \
                        either names Plane's database"
                .to_owned());
        };
        let needed = |name: &str| {
            let value = variable(name)?;
            value.ok_or_else(|| format!("{name} is not set: it goes with {source}"))
        };
        let encoded = |text: &str| utf8_percent_encode(text, NON_ALPHANUMERIC).to_string();
        let port = variable("POSTGRES_PORT")?.unwrap_or_else(|| "5432".to_owned());
        if port.parse::<u16>().is_err() {
            return Err(format!("POSTGRES_PORT {port:?} is no port from 0 to 65535"));
        }
        let url = format!(
            "postgresql://{}:{}@{}:{port}/{}",
            encoded(&needed("POSTGRES_USER")?),
            encoded(&needed("POSTGRES_PASSWORD")?),
            encoded(&host),
            encoded(&needed("POSTGRES_DB")?),
        );
        Ok(Self { source, url })
    }
}
