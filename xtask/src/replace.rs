//! Replaces files, all of them or none.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};

use crate::layout::Layout;

/// Gives each file its text, or changes nothing and fails. A file that has its text is left alone.
pub(crate) fn replace(layout: &Layout, files: &[(PathBuf, String)]) -> Result<()> {
    let mut staged = Staged(Vec::new());
    let mut changing: Vec<(&Path, Option<Vec<u8>>)> = Vec::new();
    for (path, text) in files.iter().filter(|(path, text)| !has(path, text)) {
        let beside = beside(path);
        staged.0.push(beside.clone());
        fs::write(&beside, text).with_context(|| format!("can't write {}", layout.said(path)))?;
        let old = match fs::read(path) {
            Ok(old) => Some(old),
            Err(error) if error.kind() == ErrorKind::NotFound => None,
            Err(error) => return Err(error).with_context(|| format!("can't read {}", layout.said(path))),
        };
        changing.push((path, old));
    }
    let mut replaced = Vec::new();
    for (path, old) in changing {
        if let Err(error) = fs::rename(beside(path), path) {
            let cause = anyhow::Error::new(error).context(format!("can't write {}", layout.said(path)));
            let left = put_back(layout, replaced);
            return Err(left.into_iter().fold(cause, |cause, left| cause.context(left)));
        }
        replaced.push((path, old));
    }
    Ok(())
}

fn has(path: &Path, text: &str) -> bool {
    fs::read(path).is_ok_and(|old| old == text.as_bytes())
}

/// Returns where the text of a file waits until those of all files are written.
fn beside(path: &Path) -> PathBuf {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(".new");
    path.with_file_name(name)
}

/// Restores files that were replaced. Returns what could not be restored.
fn put_back(layout: &Layout, replaced: Vec<(&Path, Option<Vec<u8>>)>) -> Vec<String> {
    let restore = |(path, old): (&Path, Option<Vec<u8>>)| {
        let restored = match old {
            Some(old) => fs::write(path, old),
            None => fs::remove_file(path),
        };
        restored.err().map(|error| format!("can't put {} back as it was: {error}", layout.said(path)))
    };
    replaced.into_iter().filter_map(restore).collect()
}

/// Files that wait to replace others, and are removed if they don't.
struct Staged(Vec<PathBuf>);

impl Drop for Staged {
    fn drop(&mut self) {
        for path in &self.0 {
            let _ = fs::remove_file(path);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::{Layout, replace};

    #[test]
    fn all_files_are_replaced_or_none() {
        let folder = tempfile::tempdir().unwrap();
        let layout = Layout::at(folder.path().to_owned());
        let file = |name: &str, text: &str| (layout.file(name), text.to_owned());
        let names = || {
            let mut names: Vec<String> = fs::read_dir(folder.path())
                .unwrap()
                .map(|entry| entry.unwrap().file_name().into_string().unwrap())
                .collect();
            names.sort();
            names
        };
        fs::write(layout.file("a.txt"), "old").unwrap();
        fs::create_dir(layout.file("c")).unwrap();
        // A folder can't be read as a file, nothing can be written into one that isn't there, and the text for a
        // file that is named twice is gone after the first time.
        for (last, problem) in
            [("c", "can't read c"), ("d/e", "can't write d/e"), ("a.txt", "can't write a.txt")]
        {
            let files = [file("a.txt", "new"), file("b", "new"), file(last, "newer")];
            assert_eq!(replace(&layout, &files).unwrap_err().to_string(), problem);
            assert_eq!(fs::read_to_string(layout.file("a.txt")).unwrap(), "old");
            assert_eq!(names(), ["a.txt", "c"]);
        }
        replace(&layout, &[file("a.txt", "new"), file("b", "new")]).unwrap();
        assert_eq!(fs::read_to_string(layout.file("b")).unwrap(), "new");
        assert_eq!(names(), ["a.txt", "b", "c"]);
    }

    #[test]
    fn files_that_cannot_be_put_back_are_named_and_the_others_are_put_back() {
        let folder = tempfile::tempdir().unwrap();
        let layout = Layout::at(folder.path().to_owned());
        let [a, b, c, d] = ["a", "b", "c", "d"].map(|name| layout.file(name));
        fs::write(&a, "new").unwrap();
        fs::create_dir(&b).unwrap();
        fs::write(&d, "new").unwrap();
        let old = || Some(b"old".to_vec());
        let left = super::put_back(&layout, vec![(&a, old()), (&b, old()), (&c, None), (&d, None)]);
        let named: Vec<&str> = left.iter().map(|line| line.split(": ").next().unwrap()).collect();
        assert_eq!(named, ["can't put b back as it was", "can't put c back as it was"]);
        assert_eq!(fs::read_to_string(&a).unwrap(), "old");
        assert!(!d.exists());
    }
}
