//! House rules as tests: layers, module docs, lengths, the README's commands, what installs the program, and what must not be
//! in the tree.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

const ROOT: &str = env!("CARGO_MANIFEST_DIR");

fn sources(below: &str) -> Vec<(String, String)> {
    let mut found = Vec::new();
    let mut open = vec![PathBuf::from(ROOT).join(below)];
    while let Some(folder) = open.pop() {
        for entry in fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                open.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let name = path
                    .strip_prefix(ROOT)
                    .unwrap()
                    .to_str()
                    .unwrap()
                    .to_owned();
                found.push((name, fs::read_to_string(&path).unwrap()));
            }
        }
    }
    assert!(!found.is_empty(), "no sources below {below}");
    found.sort();
    found
}

/// `src/proxy/route.rs` is in room `proxy`.
fn room(file: &str) -> &str {
    let inner = file.strip_prefix("src/").unwrap();
    inner.split(['/', '.']).next().unwrap()
}

/// The layer table of ARCHITECTURE.md.
fn layers() -> BTreeMap<String, usize> {
    let text = fs::read_to_string(Path::new(ROOT).join("ARCHITECTURE.md")).unwrap();
    let mut layers = BTreeMap::new();
    for line in text.lines() {
        let cells: Vec<_> = line.trim_matches('|').split('|').map(str::trim).collect();
        let [layer, rooms] = cells.as_slice() else {
            continue;
        };
        let Ok(layer) = layer.parse::<usize>() else {
            continue;
        };
        for room in rooms.split(',') {
            layers.insert(room.trim().trim_matches('`').to_owned(), layer);
        }
    }
    layers
}

#[test]
fn imports_go_down_only() {
    let layers = layers();
    let mut wrong = Vec::new();
    for (file, text) in sources("src") {
        let own = room(&file);
        if own == "lib" {
            continue;
        }
        let own_layer = *layers
            .get(own)
            .unwrap_or_else(|| panic!("{own} is in no layer of ARCHITECTURE.md"));
        for (number, line) in text.lines().enumerate() {
            for marker in ["crate::", "sfmc_auth_proxy::"] {
                for after in line.split(marker).skip(1) {
                    // `use crate::{a, b::c}` names several rooms.
                    let listed = after.strip_prefix('{').unwrap_or(after);
                    let names = if after.starts_with('{') {
                        listed.split(',').collect()
                    } else {
                        vec![listed]
                    };
                    for name in names {
                        let target: String = name
                            .trim()
                            .chars()
                            .take_while(|letter| letter.is_ascii_alphanumeric() || *letter == '_')
                            .collect();
                        let Some(layer) = layers.get(&target) else {
                            continue;
                        };
                        if target != own && *layer >= own_layer {
                            wrong.push(format!("{file}:{}: {own} (layer {own_layer}) imports {target} (layer {layer})", number + 1));
                        }
                    }
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn the_sandbox_shares_nothing_with_what_it_tests() {
    for (file, text) in sources("src")
        .into_iter()
        .filter(|(file, _text)| room(file) == "sandbox")
    {
        for forbidden in [
            "crate::proxy",
            "crate::token",
            "crate::upstream",
            "crate::server",
            "crate::config",
            "crate::soap",
        ] {
            assert!(!text.contains(forbidden), "{file} uses {forbidden}");
        }
    }
}

#[test]
fn every_file_says_what_it_is_for() {
    for folder in ["src", "tests/it", "benches"] {
        for (file, text) in sources(folder) {
            let first = text.lines().next().unwrap_or_default();
            assert!(
                first.starts_with("//! ") && first.len() > 20,
                "{file} does not begin with what it is for"
            );
        }
    }
}

#[test]
fn files_are_of_a_length_that_can_be_read() {
    for (file, text) in sources("src") {
        let lines = text.lines().count();
        assert!(lines <= 450, "{file} has {lines} lines: is it one thing?");
    }
}

#[test]
fn secrets_are_exposed_in_few_places_only() {
    let exposing: Vec<_> = sources("src")
        .into_iter()
        .filter(|(file, text)| text.contains(".expose()") && !file.ends_with("tests.rs"))
        .map(|(file, _text)| file)
        .collect();
    assert_eq!(
        exposing,
        [
            "src/admin/gate.rs",
            "src/cli/running.rs",
            "src/config/resolve/tenant/grant.rs",
            "src/doctor/ask.rs",
            "src/identity.rs",
            "src/identity/placeholder.rs",
            "src/identity/presented.rs",
            "src/proxy/envelope.rs",
            "src/proxy/headers.rs",
            "src/state/keys.rs",
            "src/state/shared/url.rs",
            "src/token.rs",
            "src/token/endpoint/secrets.rs",
            "src/token/endpoint/shared.rs",
            "src/token/login.rs",
            "src/token/wire.rs",
            "src/upstream/tunnel.rs"
        ]
    );
}

#[test]
fn only_the_store_uses_the_cache() {
    for (file, text) in sources("src") {
        assert!(
            file == "src/token/store.rs" || !text.contains("moka::"),
            "{file} uses moka"
        );
    }
}

/// Shell lines in the README: each is run by a test that is named here.
#[test]
fn every_command_of_the_readme_is_run_by_a_test() {
    let known = [
        (
            "cargo run --release -- sandbox",
            "commands::playground::the_sandbox_stays_up_and_its_curl_lines_work_as_printed",
        ),
        (
            "cargo test",
            "tidy::every_command_of_the_readme_is_run_by_a_test",
        ),
        (
            "(umask 077; cat > client-secret)",
            "commands::ones_own_tenant_needs_a_few_lines",
        ),
        (
            "export PATH=\"$PWD/target/release:$PATH\"",
            "commands::ones_own_tenant_needs_a_few_lines",
        ),
        (
            "export SFMC_SUBDOMAIN=mc1234567890abcdefghijklmnop SFMC_CLIENT_ID=your-client-id",
            "commands::ones_own_tenant_needs_a_few_lines",
        ),
        (
            "export SFMC_CLIENT_SECRET_FILE=./client-secret",
            "commands::ones_own_tenant_needs_a_few_lines",
        ),
        (
            "sfmc-auth-proxy doctor",
            "commands::ones_own_tenant_needs_a_few_lines",
        ),
        (
            "sfmc-auth-proxy run",
            "commands::ones_own_tenant_needs_a_few_lines",
        ),
        (
            "curl 'http://127.0.0.1:7362/asset/v1/content/assets?$pageSize=1'",
            "commands::ones_own_tenant_needs_a_few_lines",
        ),
        (
            "sfmc-auth-proxy exec -- python3 nightly_job.py",
            "exec::python_reaches_the_tenant_by_its_hard_coded_host",
        ),
        (
            "(umask 077; head -c 32 /dev/urandom | base64 > state.key)",
            "logins::readme::the_readmes_login_is_followed_in_a_browser",
        ),
        (
            "sfmc-auth-proxy login acme",
            "logins::readme::the_readmes_login_is_followed_in_a_browser",
        ),
        (
            "sfmc-auth-proxy check --config config/sfmc-auth-proxy.toml --syntax-only",
            "commands::the_sample_configuration_is_fine",
        ),
        (
            "sfmc-auth-proxy print-config --config config/sfmc-auth-proxy.toml",
            "commands::the_sample_configuration_is_fine",
        ),
    ];
    for (command, test) in known {
        let (module, name) = test.rsplit_once("::").unwrap();
        let file = format!("tests/it/{}.rs", module.replace("::", "/"));
        let code = fs::read_to_string(Path::new(ROOT).join(file)).unwrap();
        assert!(code.contains(&format!("fn {name}(")), "{command}: {test}");
    }
    let text = fs::read_to_string(Path::new(ROOT).join("README.md")).unwrap();
    let mut inside = false;
    let mut seen = 0;
    for line in text.lines() {
        if line.starts_with("```") {
            inside = line == "```sh";
        } else if inside {
            assert!(
                known.iter().any(|(command, _test)| *command == line),
                "no test is named for: {line}"
            );
            seen += 1;
        }
    }
    assert_eq!(
        seen,
        known.len(),
        "a command is listed here that the README no longer has"
    );
}

#[test]
fn every_error_is_documented_with_its_status() {
    let text = fs::read_to_string(Path::new(ROOT).join("docs/errors.md")).unwrap();
    for code in sfmc_auth_proxy::proxy::Code::ALL {
        let row = format!("| `{}` | {}", code.name(), code.status().as_u16());
        assert!(text.contains(&row), "docs/errors.md has no row {row}");
    }
}

/// What installs the program says what the program says: its version, its ports, its user, the time to drain.
#[test]
fn what_installs_it_agrees_with_it() {
    let read = |path: &str| fs::read_to_string(Path::new(ROOT).join(path)).unwrap();
    let sample = read("config/sfmc-auth-proxy.toml");
    assert!(
        sample.contains("\"127.0.0.1:7362\"") && sample.contains("listen = \"127.0.0.1:7363\"")
    );
    let version = env!("CARGO_PKG_VERSION");
    for (path, line) in [
        (
            "charts/sfmc-auth-proxy/Chart.yaml",
            format!("appVersion: \"{version}\""),
        ),
        ("charts/sfmc-auth-proxy/values.yaml", "  http: 7362".into()),
        ("charts/sfmc-auth-proxy/values.yaml", "  admin: 7363".into()),
        (
            "charts/sfmc-auth-proxy/values.yaml",
            "  adminPort: 7363".into(),
        ),
        ("Dockerfile", format!("ARG VERSION={version}")),
        ("Dockerfile", "EXPOSE 7362 7363".into()),
        ("Dockerfile", "USER 65532:65532".into()),
        (
            "compose.yaml",
            format!("  image: sfmc-auth-proxy:{version}"),
        ),
    ] {
        let text = read(path);
        assert!(
            text.lines().any(|found| found == line),
            "{path} has no line {line:?}"
        );
    }
}
