//! Files with named profiles.

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};

use secrecy::ExposeSecret as _;
use toml::{Table, Value};
use zeroize::{Zeroize as _, Zeroizing};

use crate::error::Error;
use crate::settings::{
    CONFIG_FILE_VARIABLE, HEADERS_KEY, PROFILE_VARIABLE, SETTINGS, Settings, Text, unreadable, variable_text,
};

/// The profile that is taken if none is named.
const DEFAULT: &str = "default";

/// The settings of a profile, or none.
pub(crate) struct Profile {
    pub(crate) settings: Settings,
    /// The file and its profiles, if none of them was chosen.
    pub(crate) unchosen: Option<String>,
}

/// The settings of the profile that the variables choose, of the file that they name or of the user's own
/// one.
///
/// Without a file, or if none of its profiles is chosen and it has no `default`, there are none.
pub(crate) fn of_variables(variable: &dyn Fn(&str) -> Option<OsString>) -> Result<Profile, Error> {
    let chosen = named(variable, PROFILE_VARIABLE)?;
    if let Some(path) = named(variable, CONFIG_FILE_VARIABLE)? {
        return of_file(Path::new(&path), &format!("{CONFIG_FILE_VARIABLE} ({path})"), chosen.as_deref());
    }
    match (own_file(variable), chosen) {
        (Some(path), chosen) if path.exists() => {
            of_file(&path, &format!("the file of profiles ({})", path.display()), chosen.as_deref())
        }
        (None, None) | (Some(_), None) => Ok(Profile { settings: Settings::default(), unchosen: None }),
        (path, Some(chosen)) => {
            let looked = match path {
                Some(path) => format!("{} is not there", path.display()),
                None => "no home folder is known".to_owned(),
            };
            let problem = format!("names the profile `{chosen}`, but {looked} ({CONFIG_FILE_VARIABLE})");
            Err(Error::configuration(PROFILE_VARIABLE, &problem))
        }
    }
}

fn named(variable: &dyn Fn(&str) -> Option<OsString>, name: &str) -> Result<Option<String>, Error> {
    let text = variable_text(variable, name)?.map(|text| text.expose_secret().trim().to_owned());
    match text {
        Some(text) if text.is_empty() => Err(Error::configuration(name, "is empty")),
        text => Ok(text),
    }
}

/// `waldur/config.toml` where the user's programs keep their settings.
fn own_file(variable: &dyn Fn(&str) -> Option<OsString>) -> Option<PathBuf> {
    let folder = |name| variable(name).map(PathBuf::from).filter(|path| path.is_absolute());
    let base = folder("XDG_CONFIG_HOME").or_else(|| Some(folder("HOME")?.join(".config")))?;
    Some(base.join("waldur").join("config.toml"))
}

/// The settings of a profile: the one that is named, or that the file names, or `default`.
pub(crate) fn of_file(path: &Path, name: &str, profile: Option<&str>) -> Result<Profile, Error> {
    let text = fs::read_to_string(path).map_err(|error| Error::configuration(name, unreadable(&error)))?;
    warn_if_open(path);
    of_text(&Zeroizing::new(text), path, profile)
}

/// A file with tokens is nobody else's business.
#[cfg(unix)]
fn warn_if_open(path: &Path) {
    use std::os::unix::fs::PermissionsExt as _;
    if fs::metadata(path).is_ok_and(|file| file.permissions().mode() & 0o077 != 0) {
        tracing::warn!(file = %path.display(), "others may read this file, and it may hold tokens");
    }
}

#[cfg(not(unix))]
fn warn_if_open(_path: &Path) {}

fn of_text(text: &str, path: &Path, profile: Option<&str>) -> Result<Profile, Error> {
    let file = path.display().to_string();
    // The parser's own message shows the line, and the token may be in it.
    let mut table: Table = text.parse().map_err(|error: toml::de::Error| {
        let before = error.span().and_then(|span| text.get(..span.start)).unwrap_or_default();
        Error::configuration(&file, &format!("is not TOML: see line {}", before.matches('\n').count() + 1))
    })?;
    let settings = of_table(&table, path, &file, profile);
    table.iter_mut().for_each(|(_, value)| wipe(value));
    settings
}

fn of_table(table: &Table, path: &Path, file: &str, profile: Option<&str>) -> Result<Profile, Error> {
    let mut chosen = None;
    let mut profiles = None;
    for (key, value) in table {
        match (key.as_str(), value) {
            ("profile", Value::String(name)) => chosen = Some(name.as_str()),
            ("profiles", Value::Table(table)) => profiles = Some(table),
            ("profile" | "profiles", _) => {
                return Err(Error::configuration(&format!("{file}, key `{key}`,"), "is of the wrong kind"));
            }
            _ => return Err(Error::configuration(&format!("{file}, key `{key}`,"), "is not known")),
        }
    }
    let there = || {
        let names: Vec<&str> = profiles?.keys().map(String::as_str).collect();
        (!names.is_empty()).then(|| names.join(", "))
    };
    let find = |name: &str| profiles.and_then(|profiles| profiles.get(name));
    let (name, content) = match profile.or(chosen) {
        Some(name) => {
            let content = find(name);
            let missing = || {
                let problem = match there() {
                    Some(there) => format!("is not there, only: {there}"),
                    None => "is not there: the file has no profiles".to_owned(),
                };
                Error::configuration(&format!("{file}, profile `{name}`,"), &problem)
            };
            (name, content.ok_or_else(missing)?)
        }
        None => match find(DEFAULT) {
            Some(content) => (DEFAULT, content),
            None => {
                let unchosen = there().map(|there| {
                    format!("{file} has no profile `{DEFAULT}`, only: {there} (chosen by {PROFILE_VARIABLE})")
                });
                return Ok(Profile { settings: Settings::default(), unchosen });
            }
        },
    };
    let called = |key: &str| format!("{file}, profile `{name}`, key `{key}`,");
    let Value::Table(content) = content else {
        return Err(Error::configuration(&format!("{file}, profile `{name}`,"), "is not a table"));
    };
    let mut settings = Settings::default();
    for (key, value) in content {
        let Some(setting) = SETTINGS.iter().find(|setting| setting.key == key) else {
            return Err(Error::configuration(&called(key), "is not known"));
        };
        let text = Zeroizing::new(match value {
            Value::Table(headers) if key == HEADERS_KEY => lines(headers)
                .ok_or_else(|| Error::configuration(&called(key), "must be a table of texts of one line"))?,
            Value::String(text) if key != HEADERS_KEY => text.clone(),
            Value::Integer(number) => number.to_string(),
            Value::Float(number) => number.to_string(),
            _ => return Err(Error::configuration(&called(key), "is of the wrong kind")),
        });
        (setting.read)(&mut settings, &Text { name: called(key), text: &text, folder: path.parent() })?;
    }
    settings.check()?;
    Ok(Profile { settings, unchosen: None })
}

fn lines(headers: &Table) -> Option<String> {
    let mut lines = String::new();
    for (name, value) in headers {
        let value = value.as_str().filter(|value| !value.contains(['\n', '\r']) && !name.contains(':'))?;
        lines.push_str(&format!("{name}: {value}\n"));
    }
    Some(lines)
}

fn wipe(value: &mut Value) {
    match value {
        Value::String(text) => text.zeroize(),
        Value::Array(items) => items.iter_mut().for_each(wipe),
        Value::Table(table) => table.iter_mut().for_each(|(_, value)| wipe(value)),
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
        of_text(text, Path::new("w.toml"), profile).map(|profile| profile.settings).map_err(|error| {
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
    fn a_profile_is_chosen() {
        let settings = read(FILE, None).unwrap();
        assert_eq!(settings.url.unwrap().value, "https://w.example.org");
        assert_eq!(settings.timeout.unwrap().value.as_secs(), 90);
        assert_eq!(settings.rate_limit.unwrap().value, 2.5);
        assert_eq!(settings.headers.unwrap().value.len(), 1);
        assert_eq!(read(FILE, Some("test")).unwrap().url.unwrap().value, "https://t.example.org");
        assert!(read("", None).unwrap().url.is_none());
        assert!(read("[profiles.other]", None).unwrap().url.is_none());
        let settings = read("[profiles.default]\nurl = 'https://d.example.org'", None).unwrap();
        assert_eq!(settings.url.unwrap().value, "https://d.example.org");
    }

    #[test]
    fn what_is_wrong_is_named() {
        for part in ["w.toml", "typo", "tokn"] {
            let error = refused(FILE, Some("typo"));
            assert!(error.contains(part), "{error}");
        }
        assert!(refused(FILE, Some("kind")).contains("key `token`"));
        assert!(refused(FILE, Some("none")).contains("both, kind, main, test, typo"));
        let both = refused(FILE, Some("both"));
        assert!(both.contains("`token`") && both.contains("`oidc_client_id`"), "{both}");
        assert!(refused("urls = 1", None).contains("key `urls`"));
        assert!(refused("profile = 1", None).contains("key `profile`"));
        assert!(refused("a = 1\ntoken = \"geheim", None).contains("line 2"));
        let text = "[profiles.default.headers]\nX = \"a\\nAuthorization: b\"";
        assert!(refused(text, None).contains("key `headers`"));
        let text = "[profiles.default.headers]\nAuthorization = 'geheim'";
        assert!(refused(text, None).contains("key `headers`"));
    }

    #[test]
    fn every_setting_has_a_name_of_its_own() {
        let keys: std::collections::BTreeSet<_> = SETTINGS.iter().map(|setting| setting.key).collect();
        let variables: std::collections::BTreeSet<_> =
            SETTINGS.iter().map(|setting| setting.variable).collect();
        assert_eq!((keys.len(), variables.len()), (SETTINGS.len(), SETTINGS.len()));
        assert!(variables.iter().all(|name| name.starts_with("WALDUR_")));
    }

    #[test]
    fn every_setting_is_in_the_documentation() {
        let documentation = include_str!("config.rs");
        for setting in SETTINGS {
            let row = format!("| `{}` | `{}` | ", setting.key, setting.variable);
            assert!(documentation.contains(&row), "{row}");
        }
    }
}
