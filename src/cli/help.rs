//! What stands below the options of each command's long help: examples that work, and how the command ends. The manual and
//! docs/cli.md are made of the same texts.

/// Below the list of commands.
pub(super) const ALL: &str = "\
Examples:
  sfmc-auth-proxy check --config sfmc-auth-proxy.toml
  sfmc-auth-proxy run --config sfmc-auth-proxy.toml
  sfmc-auth-proxy snippet curl

Exit codes:
  0    it went well
  1    it failed at run time
  2    the configuration has faults, or something was typed wrong
  130  a second Ctrl-C cut the drain of run short
  143  a second SIGTERM did
  exec ends as its command does, or with 125 to 127

Results go to stdout, logs and all else to stderr.
`sfmc-auth-proxy COMMAND --help` says more about each command.";

pub(super) const RUN: &str = "\
Examples:
  sfmc-auth-proxy run
  sfmc-auth-proxy run --config acme.toml --listen 127.0.0.1:8080 --log-format json

Signals:
  TERM, INT  stop when the calls in flight have ended, or shutdown.drain_timeout has passed;
             a second one ends it at once
  HUP        open the audit file anew

Exit codes:
  0    after a clean drain
  1    a listener could not be opened, or another failure at run time
  2    the configuration has faults, or something was typed wrong
  130  a second Ctrl-C cut the drain short
  143  a second SIGTERM did";

pub(super) const CHECK: &str = "\
Examples:
  sfmc-auth-proxy check --config sfmc-auth-proxy.toml
  sfmc-auth-proxy check --config sfmc-auth-proxy.toml --syntax-only

Exit codes:
  0  there is no fault; warnings do not count
  2  there are faults, or something was typed wrong";

pub(super) const PRINT_CONFIG: &str = "\
Examples:
  sfmc-auth-proxy print-config
  sfmc-auth-proxy print-config --schema > schema.json

Exit codes:
  0  there is no fault
  2  there are faults, or something was typed wrong; what could be read is printed all the same";

pub(super) const HEALTHCHECK: &str = "\
Examples:
  sfmc-auth-proxy healthcheck
  sfmc-auth-proxy healthcheck --url http://127.0.0.1:7363/livez

Exit codes:
  0  ready
  1  not ready, or no answer
  2  something was typed wrong";

pub(super) const SANDBOX: &str = "\
Examples:
  sfmc-auth-proxy sandbox
  sfmc-auth-proxy sandbox --exit

Exit codes:
  0  the demonstration was played, or Ctrl-C ended it
  1  a port is taken, or another failure at run time
  2  something was typed wrong";

pub(super) const EXEC: &str = "\
Examples:
  sfmc-auth-proxy exec -- python3 nightly.py
  sfmc-auth-proxy exec acme:emea --mode read_only -- ./report.sh
  sfmc-auth-proxy exec --attach http://newsletter:SECRET@127.0.0.1:7362 -- python3 nightly.py

Exit codes:
  the command's, or 128 and the number of the signal that ended it
  125  the proxy could not start: configuration, selection, or something was typed wrong
  126  the command cannot be run
  127  there is no such command

docs/exec.md has what the command finds in its environment.";

pub(super) const LOGIN: &str = "\
Examples:
  sfmc-auth-proxy login acme
  sfmc-auth-proxy login acme:emea --no-browser

Exit codes:
  0    the login is kept
  1    it failed, or was not completed in time
  2    the tenant takes no logins, the configuration has faults, or something was typed wrong
  130  Ctrl-C";

pub(super) const DOCTOR: &str = "\
Examples:
  sfmc-auth-proxy doctor
  sfmc-auth-proxy doctor acme:emea --json
  sfmc-auth-proxy doctor acme --secret-file new-secret

Exit codes:
  0  nothing failed
  1  a step failed
  2  the configuration has faults, or something was typed wrong";

pub(super) const CA: &str = "\
Examples:
  sfmc-auth-proxy ca
  curl --cacert \"$(sfmc-auth-proxy ca --path)\" https://localhost:7443/asset/v1/content/assets

Exit codes:
  0  it was printed
  2  there is no local CA, the configuration has faults, or something was typed wrong";

pub(super) const SNIPPET: &str = "\
Examples:
  sfmc-auth-proxy snippet
  sfmc-auth-proxy snippet curl
  sfmc-auth-proxy snippet sfmc-sdk acme:emea --client newsletter > call.mjs
  sfmc-auth-proxy snippet prometheus

Exit codes:
  0  it was printed
  2  there is no such snippet, or it cannot be made for this configuration";

pub(super) const COMPLETIONS: &str = "\
Examples:
  sfmc-auth-proxy completions bash > ~/.local/share/bash-completion/completions/sfmc-auth-proxy
  sfmc-auth-proxy completions zsh > \"${fpath[1]}/_sfmc-auth-proxy\"
  sfmc-auth-proxy completions fish > ~/.config/fish/completions/sfmc-auth-proxy.fish

Exit codes:
  0  it was printed
  2  something was typed wrong";

pub(super) const MAN: &str = "\
Examples:
  sfmc-auth-proxy man | man -l -
  sfmc-auth-proxy man /usr/local/share/man/man1

Exit codes:
  0  it was printed, or written
  1  a page could not be written
  2  something was typed wrong";

pub(super) const SCOPES: &str = "\
Examples:
  sfmc-auth-proxy scopes acme
  sfmc-auth-proxy scopes acme --json

Exit codes:
  0  the tenant was found
  1  the proxy could not be asked
  2  there is no such tenant, the configuration has faults, or something was typed wrong";

pub(super) const SUGGEST: &str = "\
Examples:
  sfmc-auth-proxy suggest newsletter
  sfmc-auth-proxy suggest newsletter --from /var/log/sfmc-auth-proxy/audit.jsonl

Exit codes:
  0  there is a list
  1  the proxy could not be asked, the records could not be read, or nothing was seen
  2  there is no such client, the configuration has faults, or something was typed wrong";
