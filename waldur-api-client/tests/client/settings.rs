//! Where settings come from, which one counts, and how wrong ones are named.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs;
use std::time::Duration;

use tempfile::TempDir;
use waldur_api_client::{Client, ClientBuilder, ClientCredentials, Credentials, Error, RetryPolicy};

use crate::common::client_builder_at;

const TOKEN: &str = "9d1f0c8b7a6e5d4c3b2a19080706050403020100";
const FILE: &str = r#"
    profile = "main"

    [profiles.main]
    url = "https://main.example.org/api/"
    token = "9d1f0c8b7a6e5d4c3b2a19080706050403020100"
    bulk_concurrency = 3
    timeout = 7.5
    retry_max_attempts = 2

    [profiles.other]
    url = "https://other.example.org"
    oidc_token_url = "https://id.example.org/token"
    oidc_client_id = "agent"

    [profiles.ca]
    url = "https://ca.example.org"
    token = "geheim"
    ca_file = "ca.pem"
"#;

fn from(pairs: &[(&str, &str)]) -> Result<ClientBuilder, Error> {
    let all: BTreeMap<&str, &str> = pairs.iter().copied().collect();
    ClientBuilder::from_variables(move |name| all.get(name).map(OsString::from))
}

fn client(pairs: &[(&str, &str)]) -> Result<Client, Error> {
    from(pairs)?.build()
}

#[track_caller]
fn refused<T>(result: Result<T, Error>, names: &[&str]) {
    let error = result.map(drop).unwrap_err();
    assert!(error.is_configuration(), "{error}");
    for name in names {
        assert!(error.to_string().contains(name), "{name}: {error}");
    }
    assert!(!format!("{error} {error:?}").contains(TOKEN), "{error:?}");
}

fn folder(content: &str) -> (TempDir, String) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("waldur.toml");
    fs::write(&path, content).unwrap();
    (folder, path.to_str().unwrap().to_owned())
}

#[test]
fn the_builder_comes_before_the_environment_and_that_before_the_file() {
    let (_folder, file) = folder(FILE);
    let only_file = client(&[("WALDUR_CONFIG_FILE", &file)]).unwrap();
    assert_eq!((only_file.url(), only_file.bulk_concurrency()), ("https://main.example.org", 3));
    let both =
        [("WALDUR_CONFIG_FILE", file.as_str()), ("WALDUR_BULK_CONCURRENCY", "4"), ("WALDUR_TIMEOUT", "20")];
    let builder = from(&both).unwrap();
    assert!(format!("{builder:?}").contains("timeout: 20s"), "{builder:?}");
    let set = builder.clone().bulk_concurrency(5).timeout(Duration::from_secs(30));
    assert!(format!("{set:?}").contains("timeout: 30s"), "{set:?}");
    let (client, set) = (builder.build().unwrap(), set.url("https://set.example.org").build().unwrap());
    assert_eq!((client.url(), client.bulk_concurrency()), ("https://main.example.org", 4));
    assert_eq!((set.url(), set.bulk_concurrency()), ("https://set.example.org", 5));
    let named = ClientBuilder::from_file(&file, None).unwrap().build().unwrap();
    assert_eq!(named.url(), "https://main.example.org");
}

#[test]
fn a_profile_named_by_the_program_comes_before_the_environment() {
    let (_folder, file) = folder(FILE);
    let variables = [
        ("WALDUR_CONFIG_FILE", file.as_str()),
        ("WALDUR_PROFILE", "none"),
        ("WALDUR_API_URL", "https://environment.example.org"),
        ("WALDUR_BULK_CONCURRENCY", "4"),
        ("WALDUR_READ_TIMEOUT", "20"),
    ];
    let variable =
        |name: &str| variables.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).into());
    let builder = ClientBuilder::from_profile_and_variables("main", variable).unwrap();
    assert!(format!("{builder:?}").contains("read_timeout: 20s"), "{builder:?}");
    let client = builder.build().unwrap();
    assert_eq!((client.url(), client.bulk_concurrency()), ("https://main.example.org", 3));
    let missing = ClientBuilder::from_profile_and_variables("none", variable);
    refused(missing, &["waldur.toml", "profile `none`", "ca, main, other"]);
    let nowhere = |name: &str| (name == "HOME").then(|| "/nowhere".into());
    let missing = ClientBuilder::from_profile_and_variables("main", nowhere);
    refused(missing, &["the program", "`main`", "/nowhere/.config/waldur/config.toml does not exist"]);
}

#[test]
fn profiles_are_found_by_their_name() {
    let (_folder, file) = folder(FILE);
    let with = |profile: &str, secret: &str| {
        let pairs = [
            ("WALDUR_CONFIG_FILE", file.as_str()),
            ("WALDUR_PROFILE", profile),
            ("WALDUR_OIDC_CLIENT_SECRET", secret),
        ];
        client(&pairs)
    };
    // The secret of the environment completes what the file says.
    assert_eq!(with("other", "geheim").unwrap().url(), "https://other.example.org");
    refused(with("none", "geheim"), &["waldur.toml", "profile `none`", "ca, main, other"]);
    refused(client(&[("WALDUR_PROFILE", "main")]), &["WALDUR_PROFILE", "`main`"]);
    let home = [("HOME", "/nowhere"), ("WALDUR_PROFILE", "main")];
    refused(
        client(&home),
        &["WALDUR_PROFILE", "`main`", "/nowhere/.config/waldur/config.toml does not exist"],
    );
    let (_other, bare) = folder("");
    let bare = [("WALDUR_CONFIG_FILE", bare.as_str()), ("WALDUR_PROFILE", "main")];
    refused(client(&bare), &["waldur.toml", "profile `main`", "the file has no profiles"]);
    // None is chosen, and none is called default.
    let (_third, unchosen) = folder(&FILE.replace("profile = \"main\"", ""));
    let hints = ["WALDUR_API_URL", &unchosen, "ca, main, other", "WALDUR_PROFILE"];
    refused(client(&[("WALDUR_CONFIG_FILE", &unchosen)]), &hints);
    refused(ClientBuilder::from_file(&unchosen, None).unwrap().build(), &hints);
    refused(
        client(&[("WALDUR_CONFIG_FILE", "/nowhere/waldur.toml")]),
        &["WALDUR_CONFIG_FILE", "/nowhere/waldur.toml"],
    );
    let other = [("WALDUR_CONFIG_FILE", file.as_str()), ("WALDUR_PROFILE", "other")];
    refused(client(&other), &["oidc_client_secret"]);
    // Without one that is complete.
    let token = [other[0], other[1], ("WALDUR_ACCESS_TOKEN", TOKEN)];
    client(&token).unwrap();
    let oidc = ClientCredentials::new("https://id.example.org/token", "a", "b");
    from(&other).unwrap().credentials(Credentials::client_credentials(oidc)).build().unwrap();
}

#[test]
fn the_users_own_file_is_read_if_it_is_there() {
    let home = tempfile::tempdir().unwrap();
    let path = home.path().to_str().unwrap();
    refused(client(&[("HOME", path)]), &["url", "WALDUR_API_URL"]);
    fs::create_dir_all(home.path().join(".config/waldur")).unwrap();
    fs::write(home.path().join(".config/waldur/config.toml"), FILE).unwrap();
    assert_eq!(client(&[("HOME", path)]).unwrap().url(), "https://main.example.org");
    let config = home.path().join(".config");
    let pairs =
        [("XDG_CONFIG_HOME", config.to_str().unwrap()), ("WALDUR_API_URL", "https://env.example.org")];
    assert_eq!(client(&pairs).unwrap().url(), "https://env.example.org");
    // No file, and no words about it.
    let pairs =
        [("HOME", "/nowhere"), ("WALDUR_API_URL", "https://a.example.org"), ("WALDUR_ACCESS_TOKEN", TOKEN)];
    client(&pairs).unwrap();
}

#[test]
fn files_beside_the_profiles_are_found_there() {
    let (folder, file) = folder(FILE);
    refused(ClientBuilder::from_file(&file, Some("ca")), &["waldur.toml", "profile `ca`", "key `ca_file`"]);
    fs::write(folder.path().join("ca.pem"), "nonsense").unwrap();
    let builder = ClientBuilder::from_file(&file, Some("ca")).unwrap();
    refused(builder.build(), &["waldur.toml", "profile `ca`", "key `ca_file`"]);
}

#[test]
fn wrong_variables_are_named() {
    let good = [("WALDUR_API_URL", "https://waldur.example.org/api"), ("WALDUR_ACCESS_TOKEN", TOKEN)];
    client(&good).unwrap();
    for (name, values) in [
        ("WALDUR_TOKEN_SCHEME", &["", "basic"][..]),
        ("WALDUR_IMPERSONATE", &["", "me"]),
        ("WALDUR_CA_FILE", &["", "/nowhere/ca.pem", "/"]),
        ("WALDUR_CLIENT_CERTIFICATE_FILE", &["", "/nowhere/a.pem"]),
        ("WALDUR_PROXY", &["", "proxy:3128", "ftp://proxy.example.org"]),
        ("WALDUR_USER_AGENT", &["", "ä", "a\nb"]),
        (
            "WALDUR_HEADERS",
            &["", "X-A", "X A: b", "Authorization: b", "X-Impersonated-User-UUID: b", "Host: b"],
        ),
        ("WALDUR_CONNECT_TIMEOUT", &["", "0", "-1", "ten", "1e9", "inf", "NaN"]),
        ("WALDUR_READ_TIMEOUT", &["", "0", "-1", "1m"]),
        ("WALDUR_TIMEOUT", &["", "0", "604801"]),
        ("WALDUR_BULK_CONCURRENCY", &["", "0", "-1", "1.5"]),
        ("WALDUR_MAX_CONCURRENT_REQUESTS", &["", "0", "many"]),
        ("WALDUR_RATE_LIMIT", &["", "0", "-1", "NaN", "inf"]),
        ("WALDUR_RETRY_MAX_ATTEMPTS", &["", "0", "-1"]),
        ("WALDUR_RETRY_MAX_ELAPSED", &["", "0", "soon"]),
        ("WALDUR_OIDC_TOKEN_URL", &["https://id.example.org/"]),
        ("WALDUR_CONFIG_FILE", &["", "/nowhere"]),
        ("WALDUR_PROFILE", &["", "main"]),
    ] {
        for value in values {
            refused(client(&[good[0], good[1], (name, value)]), &[name]);
        }
    }
    let oidc = [
        good[0],
        ("WALDUR_OIDC_TOKEN_URL", "id.example.org"),
        ("WALDUR_OIDC_CLIENT_ID", "a"),
        ("WALDUR_OIDC_CLIENT_SECRET", "b"),
    ];
    refused(client(&oidc), &["WALDUR_OIDC_TOKEN_URL"]);
    refused(client(&oidc[..1]), &["token", "WALDUR_ACCESS_TOKEN"]);
    refused(client(&[oidc[0], oidc[2]]), &["WALDUR_OIDC_CLIENT_ID", "oidc_token_url"]);
    for (name, value) in [
        ("WALDUR_TOKEN_SCHEME", "Bearer"),
        ("WALDUR_IMPERSONATE", "00000000000000000000000000000abc"),
        ("WALDUR_PROXY", "none"),
        ("WALDUR_PROXY", "http://user:password@proxy.example.org:3128"),
        ("WALDUR_HEADERS", "X-A: b\nX-C: d:e\n"),
        ("WALDUR_USER_AGENT", "agent/1.2 (cron)"),
        ("WALDUR_RATE_LIMIT", "0.5"),
        ("WALDUR_RETRY_MAX_ATTEMPTS", "1"),
    ] {
        client(&[good[0], good[1], (name, value)]).unwrap();
    }
}

#[test]
fn wrong_calls_are_named() {
    let good = || client_builder_at("https://waldur.example.org", TOKEN);
    refused(good().rate_limit(0.0).build(), &["rate_limit"]);
    refused(good().max_concurrent_requests(0).build(), &["max_concurrent_requests"]);
    refused(good().read_timeout(Duration::ZERO).build(), &["read_timeout"]);
    refused(good().timeout(Duration::MAX).build(), &["timeout"]);
    refused(good().retry(RetryPolicy::default().max_attempts(0)).build(), &["retry"]);
    let shrinking = RetryPolicy::default().backoff(Duration::from_secs(2), Duration::from_secs(1));
    refused(good().retry(shrinking).build(), &["retry"]);
    refused(good().header("X A", "b").build(), &["header"]);
    refused(good().header("Authorization", TOKEN).build(), &["header"]);
    refused(good().user_agent("").build(), &["user_agent"]);
    refused(good().proxy("nonsense").build(), &["proxy"]);
    let oidc = ClientCredentials::new("id.example.org", "a", "b");
    refused(
        good().credentials(Credentials::client_credentials(oidc)).build(),
        &["credentials", "token endpoint"],
    );
    refused(good().credentials(Credentials::bearer("a b")).build(), &["credentials"]);
}
