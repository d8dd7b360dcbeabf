//! Where an upstream schema comes from: a file, a URL, or a published version.

use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, anyhow, bail, ensure};
use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::{parts, whole, yaml};

/// An upstream schema as it was read.
pub(crate) struct Source {
    /// The bytes' SHA-256, in hex.
    pub(crate) sha256: String,
    /// What the bytes say.
    pub(crate) document: Value,
}

/// Longer than any schema will be; a server that sends more sends something else.
const LIMIT: u64 = 64 << 20;

/// Reads and parses `from`, a file or an http(s) URL, YAML or JSON.
pub(crate) fn read(from: &str) -> Result<Source> {
    let bytes = bytes(from)?;
    let document = parse(&bytes, from)?;
    Ok(Source { sha256: sha256(&bytes), document })
}

/// Reads `from`, a file or an http(s) URL.
pub(crate) fn bytes(from: &str) -> Result<Vec<u8>> {
    let is_url = from.starts_with("http://") || from.starts_with("https://");
    if is_url { fetch(from) } else { std::fs::read(from).with_context(|| format!("can't read {from}")) }
}

/// Fetches `url` by curl: nearly every machine has it, it knows the machine's proxies and certificates, and a client
/// with TLS of our own would be a third of this program's build.
fn fetch(url: &str) -> Result<Vec<u8>> {
    let limit = LIMIT.to_string();
    let output = Command::new("curl")
        .args(["--fail", "--silent", "--show-error", "--location", "--proto", "=http,https"])
        .args(["--connect-timeout", "30", "--max-time", "300", "--max-filesize", &limit, "--url", url])
        .stdin(Stdio::null())
        .output()
        .with_context(|| format!("can't run curl to fetch {url}: install it, or give a file"))?;
    ensure!(output.status.success(), "can't fetch {url}: {}", String::from_utf8_lossy(&output.stderr).trim());
    Ok(output.stdout)
}

/// The SHA-256 of `bytes`, in hex.
pub(crate) fn sha256(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The SHA-256 of a file, in hex.
pub(crate) fn sha256_of(path: &Path) -> Result<String> {
    Ok(sha256(&std::fs::read(path).with_context(|| format!("can't read {}", path.display()))?))
}

fn parse(bytes: &[u8], from: &str) -> Result<Value> {
    ensure!(!bytes.trim_ascii().is_empty(), "{from} is empty");
    // Some editors begin a file with this.
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    let document: Value = if bytes.trim_ascii_start().starts_with(b"{") {
        serde_json::from_slice(bytes).map_err(|error| {
            let reason = if error.is_eof() { "is cut off" } else { "is not JSON" };
            anyhow!("{from} {reason}: {error}")
        })?
    } else {
        yaml::parse(bytes).map_err(|error| {
            let last = bytes.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()).count();
            let is_at_end = last > 1 && error.location().is_some_and(|place| place.line() >= last);
            let reason = if is_at_end { "is cut off" } else { "is neither YAML nor JSON" };
            anyhow!("{from} {reason}: {error}")
        })?
    };
    match document["openapi"].as_str() {
        Some(version) if version.starts_with("3.0.") => {}
        Some(version) => bail!("{from} is OpenAPI {version}, not 3.0"),
        None => bail!("{from} is not an OpenAPI document: it has no \"openapi\" version"),
    }
    ensure!(document["info"]["version"].is_string(), "{from} does not say its version (info.version)");
    ensure!(
        document["paths"].as_object().is_some_and(|paths| !paths.is_empty()),
        "{from} is an OpenAPI document without any path"
    );
    if let Some(lack) = whole::lacks(&document) {
        bail!("{from} is not whole: {lack}. Fetch it again");
    }
    if let Some(odd) = parts::odd(&document) {
        bail!("{from} can't be used: {odd}");
    }
    Ok(document)
}

#[cfg(test)]
mod tests {
    #[test]
    fn what_is_no_openapi_3_0_is_refused_by_name() {
        for (text, word) in [
            ("", "is empty"),
            (" \n", "is empty"),
            ("{", "is cut off"),
            ("{]", "not JSON"),
            ("openapi: 3.0.3\npaths:\n  /x/: \"a", "is cut off"),
            (
                "openapi: 3.0.3\ninfo: {version: '1'}\npaths: {/x/: {get: {security: [{t: []}]}}}",
                "is not whole: it has no components",
            ),
            ("<html>Not found</html>", "not an OpenAPI document"),
            ("a: [", "neither YAML nor JSON"),
            ("openapi: 3.1.0", "OpenAPI 3.1.0, not 3.0"),
            ("swagger: '2.0'", "not an OpenAPI document"),
            ("openapi: 3.0.3\npaths: {/x/: {}}", "info.version"),
            ("openapi: 3.0.3\ninfo: {version: '1'}\npaths: {}", "without any path"),
        ] {
            let error = format!("{:#}", super::parse(text.as_bytes(), "it").err().unwrap());
            assert!(error.contains(word), "{text:?}: {error}");
        }
        let document = super::parse(b"openapi: 3.0.3\ninfo: {version: '1'}\npaths: {/x/: {}}", "it").unwrap();
        assert_eq!(document["info"]["version"], "1");
        let json = b"\xef\xbb\xbf {\"openapi\": \"3.0.4\", \"info\": {\"version\": \"1\"}, \"paths\": {\"/x/\": {}}}";
        assert_eq!(super::parse(json, "it").unwrap()["openapi"], "3.0.4");
    }
}
