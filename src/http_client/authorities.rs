//! Certificate authorities that a user trusts besides the machine's own.

use std::fs;

use reqwest::Certificate;

use crate::error::{Error, Result, foreign};

/// The certificates of a PEM file. They are added to those of the machine; nothing takes verification away.
pub(super) fn read(file: &str) -> Result<Vec<Certificate>> {
    let refused = |why: &str| Error::usage(format!("ca_file '{}' {why}", foreign(file)));
    let text = fs::read(file).map_err(|error| refused(&format!("cannot be read: {error}")))?;
    let certificates = Certificate::from_pem_bundle(&text)
        .map_err(|_| refused("is no PEM file: certificates stand between BEGIN CERTIFICATE and END CERTIFICATE"))?;
    if certificates.is_empty() {
        return Err(refused("has no certificate: they stand between BEGIN CERTIFICATE and END CERTIFICATE"));
    }
    Ok(certificates)
}
