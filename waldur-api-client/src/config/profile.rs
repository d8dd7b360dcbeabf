//! Reads profiles of TOML files.

use std::borrow::Cow;
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};

use secrecy::ExposeSecret as _;
use toml::Spanned;
use toml::de::{DeTable, DeValue};
use zeroize::{Zeroize as _, Zeroizing};

use super::settings::{SETTINGS, Settings, variable_text};
use super::value::{Text, unreadable};
use crate::error::Error;

/// The environment variable with the path of the file with profiles.
pub const CONFIG_FILE_VARIABLE: &str = "WALDUR_CONFIG_FILE";
/// The environment variable with the name of the profile.
pub const PROFILE_VARIABLE: &str = "WALDUR_PROFILE";

/// The profile that is read if none is selected.
const DEFAULT: &str = "default";

/// The settings of a profile.
#[derive(Default)]
pub(super) struct Profile {
    pub(super) settings: Settings,
    /// The file and its profiles, if it has some and none of them was selected.
    pub(super) unselected: Option<String>,
}

/// Reads the profile that the variables select, from the file that they name or from the user's own file.
///
/// Returns no settings if there is no file, or if no profile is selected and the file has no `default`.
pub(super) fn from_variables(variable: &dyn Fn(&str) -> Option<OsString>) -> Result<Profile, Error> {
    let selected = trimmed(variable, PROFILE_VARIABLE)?;
    find(variable, PROFILE_VARIABLE, selected)
}

/// Reads the profile `name` from the file that the variables name or from the user's own file.
pub(super) fn named(variable: &dyn Fn(&str) -> Option<OsString>, name: &str) -> Result<Profile, Error> {
    find(variable, "the program", Some(name.to_owned()))
}

/// `selector` is what errors call the source of the selection.
fn find(
    variable: &dyn Fn(&str) -> Option<OsString>,
    selector: &str,
    selected: Option<String>,
) -> Result<Profile, Error> {
    if let Some(path) = trimmed(variable, CONFIG_FILE_VARIABLE)? {
        return from_file(Path::new(&path), &format!("{CONFIG_FILE_VARIABLE} ({path})"), selected.as_deref());
    }
    match (own_file(variable), selected) {
        (Some(path), selected) if path.exists() => {
            from_file(&path, &format!("the file of profiles ({})", path.display()), selected.as_deref())
        }
        (_, None) => Ok(Profile::default()),
        (path, Some(selected)) => {
            let problem = match path {
                Some(path) => format!("{} does not exist", path.display()),
                None => "no home folder is known".to_owned(),
            };
            let problem = format!("names the profile `{selected}`, but {problem} ({CONFIG_FILE_VARIABLE})");
            Err(Error::configuration(selector, &problem))
        }
    }
}

fn trimmed(variable: &dyn Fn(&str) -> Option<OsString>, name: &str) -> Result<Option<String>, Error> {
    let text = variable_text(variable, name)?.map(|text| text.expose_secret().trim().to_owned());
    match text {
        Some(text) if text.is_empty() => Err(Error::configuration(name, "is empty")),
        text => Ok(text),
    }
}

/// Returns the path of the user's own file.
fn own_file(variable: &dyn Fn(&str) -> Option<OsString>) -> Option<PathBuf> {
    let folder = |name| variable(name).map(PathBuf::from).filter(|path| path.is_absolute());
    let base = folder("XDG_CONFIG_HOME").or_else(|| Some(folder("HOME")?.join(".config")))?;
    Some(base.join("waldur").join("config.toml"))
}

/// Reads a profile of a file; `source` is what errors call the file.
pub(super) fn from_file(path: &Path, source: &str, selected: Option<&str>) -> Result<Profile, Error> {
    let text = fs::read_to_string(path).map_err(|error| Error::configuration(source, unreadable(&error)))?;
    warn_if_open(path);
    from_text(&Zeroizing::new(text), path, selected)
}

/// Warns if other users may read the file.
#[cfg(unix)]
fn warn_if_open(path: &Path) {
    use std::os::unix::fs::PermissionsExt as _;
    if fs::metadata(path).is_ok_and(|file| file.permissions().mode() & 0o077 != 0) {
        tracing::warn!(file = %path.display(), "other users may read this file, which may contain tokens");
    }
}

#[cfg(not(unix))]
fn warn_if_open(_path: &Path) {}

fn from_text(text: &str, path: &Path, selected: Option<&str>) -> Result<Profile, Error> {
    let file = path.display().to_string();
    // The parser's own message quotes the line, which may contain a token.
    let mut table = DeTable::parse(text).map(Spanned::into_inner).map_err(|error| {
        let before = error.span().and_then(|span| text.get(..span.start)).unwrap_or_default();
        Error::configuration(&file, &format!("is not TOML: see line {}", before.matches('\n').count() + 1))
    })?;
    let profile = select(&table, path, &file, selected);
    table.iter_mut().for_each(|(_, value)| wipe(value.get_mut()));
    profile
}

/// Reads the profile that is selected: by the caller, by the file, or by its name `default`.
fn select(table: &DeTable<'_>, path: &Path, file: &str, selected: Option<&str>) -> Result<Profile, Error> {
    let (mut selected_by_file, mut profiles) = (None, None);
    for (key, value) in table {
        let key = key.as_ref();
        let problem = match (key.as_ref(), value.as_ref()) {
            ("profile", DeValue::String(name)) => {
                selected_by_file = Some(name.as_ref());
                continue;
            }
            ("profiles", DeValue::Table(table)) => {
                profiles = Some(table);
                continue;
            }
            ("profile" | "profiles", _) => "has the wrong type",
            _ => "is not known",
        };
        return Err(Error::configuration(&format!("{file}, key `{key}`,"), problem));
    }
    let selected = selected.or(selected_by_file);
    let name = selected.unwrap_or(DEFAULT);
    if let Some(content) = profiles.and_then(|profiles| profiles.get(name)) {
        let settings = settings(content.as_ref(), path, &format!("{file}, profile `{name}`,"))?;
        return Ok(Profile { settings, unselected: None });
    }
    let names: Vec<&str> =
        profiles.into_iter().flat_map(DeTable::keys).map(|name| name.as_ref().as_ref()).collect();
    let others = (!names.is_empty()).then(|| names.join(", "));
    if selected.is_none() {
        let hint = |others| format!("{file} has only the profiles {others} ({PROFILE_VARIABLE} selects one)");
        return Ok(Profile { unselected: others.map(hint), ..Profile::default() });
    }
    let problem = match others {
        Some(others) => format!("does not exist, only: {others}"),
        None => "does not exist: the file has no profiles".to_owned(),
    };
    Err(Error::configuration(&format!("{file}, profile `{name}`,"), &problem))
}

/// Reads the settings of a profile; `source` is what errors call the profile.
fn settings(content: &DeValue<'_>, path: &Path, source: &str) -> Result<Settings, Error> {
    let content = content.as_table().ok_or_else(|| Error::configuration(source, "is not a table"))?;
    let mut settings = Settings::default();
    for (key, value) in content {
        let key = key.as_ref();
        let source = format!("{source} key `{key}`,");
        let setting = SETTINGS.iter().find(|setting| setting.key == key);
        let setting = setting.ok_or_else(|| Error::configuration(&source, "is not known"))?;
        let text = match value.as_ref() {
            DeValue::Table(table) if setting.is_table => lines(table),
            DeValue::String(text) if !setting.is_table => Ok(text.to_string()),
            DeValue::Integer(number) if !setting.is_table => {
                i64::from_str_radix(number.as_str(), number.radix())
                    .map(|number| number.to_string())
                    .map_err(|_| "is out of range")
            }
            DeValue::Float(number) if !setting.is_table => {
                // So that 16.0 is 16.
                let number: Result<f64, _> = number.as_str().parse();
                number.map(|number| number.to_string()).map_err(|_| "is out of range")
            }
            _ => Err("has the wrong type"),
        };
        let text = Zeroizing::new(text.map_err(|problem| Error::configuration(&source, problem))?);
        (setting.read)(&mut settings, &Text { source, text: &text, folder: path.parent() })?;
    }
    settings.check_credentials()?;
    Ok(settings)
}

/// Returns a line `Name: value` for each entry.
fn lines(table: &DeTable<'_>) -> Result<String, &'static str> {
    let mut lines = String::new();
    for (name, value) in table {
        let name = name.as_ref();
        let value =
            value.as_ref().as_str().filter(|value| !value.contains(['\n', '\r']) && !name.contains(':'));
        lines.push_str(&format!("{name}: {}\n", value.ok_or("must be a table of texts of one line")?));
    }
    Ok(lines)
}

/// Overwrites all texts that aren't borrowed from the file, since they may be secrets.
fn wipe(value: &mut DeValue<'_>) {
    match value {
        DeValue::String(Cow::Owned(text)) => text.zeroize(),
        DeValue::Array(items) => items.iter_mut().for_each(|item| wipe(item.get_mut())),
        DeValue::Table(table) => table.iter_mut().for_each(|(_, value)| wipe(value.get_mut())),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: &str = r#"
        profile = "main"
        [profiles.main]
        url = "https://w.example.org"
        token = "geheim"
        timeout = 90
        rate_limit = 2.5
        [profiles.main.headers]
        X-Gateway = "geheim"
        [profiles.test]
        url = "https://t.example.org"
        oidc_client_id = "a"
        [profiles.both]
        token = "geheim"
        oidc_client_id = "a"
        [profiles.typo]
        tokn = "geheim"
        [profiles.kind]
        token = ["geheim"]
    "#;

    fn read(text: &str, profile: Option<&str>) -> Result<Settings, String> {
        from_text(text, Path::new("w.toml"), profile).map(|profile| profile.settings).map_err(|error| {
            assert!(error.is_configuration());
            let shown = format!("{error} {error:?}");
            assert!(!shown.contains("geheim"), "{shown}");
            error.to_string()
        })
    }

    fn refused(text: &str, profile: Option<&str>) -> String {
        read(text, profile).err().unwrap()
    }

    #[test]
    fn the_selected_profile_is_read() {
        let settings = read(FILE, None).unwrap();
        assert_eq!(settings.url.unwrap().value, "https://w.example.org");
        assert_eq!(settings.timeout.unwrap().value.as_secs(), 90);
        assert_eq!(settings.rate_limit.unwrap().value, 2.5);
        assert_eq!(settings.headers.unwrap().value.len(), 1);
        assert_eq!(read(FILE, Some("test")).unwrap().url.unwrap().value, "https://t.example.org");
        assert!(read("", None).unwrap().url.is_none());
        assert!(read("[profiles.other]", None).unwrap().url.is_none());
        let numbers = read("[profiles.default]\ntimeout = 0x1_0\nrate_limit = 1_000.5", None).unwrap();
        assert_eq!(numbers.timeout.unwrap().value.as_secs(), 16);
        assert_eq!(numbers.rate_limit.unwrap().value, 1_000.5);
        let numbers = read("[profiles.default]\nbulk_concurrency = 1.6e1", None).unwrap();
        assert_eq!(numbers.bulk_concurrency.unwrap().value, 16);
        let settings = read("[profiles.default]\nurl = 'https://d.example.org'", None).unwrap();
        assert_eq!(settings.url.unwrap().value, "https://d.example.org");
    }

    #[test]
    fn errors_name_file_profile_and_key() {
        for part in ["w.toml", "typo", "tokn"] {
            let error = refused(FILE, Some("typo"));
            assert!(error.contains(part), "{error}");
        }
        assert!(refused(FILE, Some("kind")).contains("key `token`"));
        assert!(refused(FILE, Some("none")).contains("both, kind, main, test, typo"));
        let both = refused(FILE, Some("both"));
        assert!(both.contains("`token`") && both.contains("`oidc_client_id`"), "{both}");
        let large = refused("[profiles.default]\ntimeout = 99999999999999999999", None);
        assert!(large.contains("key `timeout`, is out of range"), "{large}");
        assert!(refused("urls = 1", None).contains("key `urls`"));
        assert!(refused("profile = 1", None).contains("key `profile`"));
        assert!(refused("profile = 'a'\nprofile = 'geheim'", None).contains("line 2"));
        assert!(refused("a = 1\ntoken = \"geheim", None).contains("line 2"));
        let text = "[profiles.default.headers]\nX = \"a\\nAuthorization: b\"";
        assert!(refused(text, None).contains("key `headers`"));
        let text = "[profiles.default.headers]\nAuthorization = 'geheim'";
        assert!(refused(text, None).contains("key `headers`"));
    }
}
