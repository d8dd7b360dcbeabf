//! Where everything is in the repository.

use std::path::{Path, PathBuf};

use anyhow::{Result, ensure};

/// The repository's root.
#[derive(Debug, Clone)]
pub(crate) struct Layout(PathBuf);

impl Layout {
    /// The repository that this program was built in.
    pub(crate) fn of_this_repository() -> Self {
        let manifest = Path::new(env!("CARGO_MANIFEST_DIR"));
        Self(manifest.parent().unwrap_or(manifest).to_owned())
    }

    /// The repository at `root`.
    pub(crate) fn at(root: PathBuf) -> Self {
        Self(root)
    }

    /// Fails where there is no such folder.
    pub(crate) fn check(&self) -> Result<()> {
        ensure!(self.0.is_dir(), "there is no folder {}", self.0.display());
        Ok(())
    }

    pub(crate) fn pin(&self) -> PathBuf {
        self.0.join("openapi/pin.toml")
    }

    pub(crate) fn pinned(&self) -> PathBuf {
        self.0.join("openapi/waldur.json")
    }

    pub(crate) fn overlay(&self) -> PathBuf {
        self.0.join("openapi/overlay.yaml")
    }

    pub(crate) fn features(&self) -> PathBuf {
        self.0.join("openapi/features.toml")
    }

    pub(crate) fn needs(&self) -> PathBuf {
        self.0.join("openapi/needs.json")
    }

    pub(crate) fn normalised(&self) -> PathBuf {
        self.0.join("waldur-api-client/schema/waldur.json")
    }

    /// A file of what the client keeps of the generator.
    pub(crate) fn kept(&self, name: &str) -> PathBuf {
        self.0.join("waldur-api-client/generated").join(name)
    }

    pub(crate) fn listing(&self) -> PathBuf {
        self.0.join("waldur-api-client/OPERATIONS.txt")
    }

    pub(crate) fn client_manifest(&self) -> PathBuf {
        self.0.join("waldur-api-client/Cargo.toml")
    }

    /// The file at `path` from the root.
    pub(crate) fn file(&self, path: &str) -> PathBuf {
        self.0.join(path)
    }

    /// The listing of a crate's public API.
    pub(crate) fn api(&self, name: &str) -> PathBuf {
        self.0.join(name).join("API.txt")
    }

    pub(crate) fn readme(&self) -> PathBuf {
        self.0.join("README.md")
    }

    pub(crate) fn client_readme(&self) -> PathBuf {
        self.0.join("waldur-api-client/README.md")
    }

    pub(crate) fn lock(&self) -> PathBuf {
        self.0.join("Cargo.lock")
    }

    /// `path` as it is said to people: from the root.
    pub(crate) fn said<'a>(&self, path: &'a Path) -> std::path::Display<'a> {
        path.strip_prefix(&self.0).unwrap_or(path).display()
    }
}
