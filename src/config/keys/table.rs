//! The one table of all keys, in the order of the reference.

use super::{Key, Kind, Served};

const KIB: u64 = 1024;
const MIB: u64 = 1024 * KIB;
const GIB: u64 = 1024 * MIB;
const POSITIVE: Kind = Kind::Duration { zero: false };
const FROM_ZERO: Kind = Kind::Duration { zero: true };
const MODE: Kind = Kind::Choice(&["full", "no_send", "read_only"]);

const fn key(pattern: &'static str, kind: Kind, doc: &'static str) -> Key {
    Key {
        pattern,
        kind,
        default: None,
        served: Served::Now,
        doc,
    }
}

const fn later(pattern: &'static str, kind: Kind) -> Key {
    key(pattern, kind, "").served(Served::Later)
}

const fn count(min: u64, max: u64) -> Kind {
    Kind::Count { min, max }
}

const fn size(min: u64, max: u64) -> Kind {
    Kind::Size { min, max }
}

impl Key {
    const fn default(mut self, default: &'static str) -> Self {
        self.default = Some(default);
        self
    }

    const fn served(mut self, served: Served) -> Self {
        self.served = served;
        self
    }

    const fn only(self, value: &'static str) -> Self {
        self.served(Served::Only(value)).default(value)
    }
}

/// The tables, each with what it is about.
#[rustfmt::skip]
pub(in crate::config) const SECTIONS: &[(&str, &str)] = &[
    ("", "At the top, before any table."),
    ("listen", "Where callers reach the proxy."),
    ("listen.tls", "What listeners that speak TLS show, and whom they know by certificate."),
    ("listener.[]", "A listener that already selects: one port, one business unit. May stand several times."),
    ("admin", "Health and metrics."),
    ("tenants.*", "One installed package at one Marketing Cloud tenant. The table's name is the tenant's: `a-z 0-9 -`."),
    ("tenants.*.accounts", "Names for accounts (business units). Only these and `account_id` can be selected."),
    ("clients.*", "An application that may call. With any, every caller has to say which one it is; without, anyone who can reach a listener may call. The table's name is the client's: `a-z 0-9 - .`, the common name or a DNS name of its certificate where it has one."),
    ("intercept", "Where this table is, even empty, the proxy answers CONNECT and serves https for Salesforce's hosts with certificates of a local CA."),
    ("upstream", "How calls go out."),
    ("timeouts", "How long things may take."),
    ("limits", "How much there may be."),
    ("log", "What is logged, to stderr."),
    ("audit", "A record of who called what, beside the log."),
    ("shutdown", "What happens on SIGTERM."),
];

/// Every key.
#[rustfmt::skip]
pub(in crate::config) const KEYS: &[Key] = &[
    key("default_tenant", Kind::Text, "The tenant of calls that select none. With one tenant it is that one; with several and none named, calls have to select."),

    key("listen.http", Kind::Addresses, "Addresses to listen on: `ip:port`, `localhost:port` or `unix:/path`. Port 0 takes a free one. The default's `[::1]` is left out where there is no IPv6.").default("127.0.0.1:7362,[::1]:7362"),
    key("listen.https", Kind::Addresses, "Addresses that speak TLS, written as in `http`. They need `cert_file` in `[listen.tls]`, or `[intercept]`.").default(""),
    key("listen.public_url", Kind::Url, "Scheme and host under which callers know the proxy, for the URLs in its answers. Without it each call's Host is taken."),
    key("listen.allowed_hosts", Kind::Texts, "Host names that are accepted beyond loopback names and the addresses listened on, without port.").default(""),
    key("listen.answer_urls", Kind::Choice(&["proxy", "as_called"]), "What URLs of the tenant's hosts become in answers, on `http` and `https`: the proxy, or (`as_called`) nothing else for callers that asked the vendor's hosts through the proxy, since their next call comes the same way.").default("proxy"),
    key("listen.preserve_header_case", Kind::Flag, "Keep header names as they came, both ways, instead of writing Title-Case.").default("false"),
    key("listen.insecure_allow_unauthenticated", Kind::Flag, "Allow listeners beyond loopback although anyone who can reach them acts as the tenant, or as the client that the listener names.").default("false"),

    key("listen.tls.cert_file", Kind::Path, "The certificate that listeners show, as PEM, and after it those that lead to its CA. With `[intercept]`, Salesforce's hosts still get certificates of the local CA."),
    key("listen.tls.key_file", Kind::Path, "The key of that certificate, as PEM, not encrypted."),
    key("listen.tls.client_ca_file", Kind::Path, "CAs whose certificates name clients, as PEM: the client is the one called like the certificate's common name or one of its DNS names. Without any `[clients.NAME]`, every caller of a TLS listener needs such a certificate."),

    key("listener.[].address", Kind::Address, "Where to listen, as in `listen.http`. Required."),
    key("listener.[].https", Kind::Flag, "Speak TLS here, as on `listen.https`.").default("false"),
    key("listener.[].tenant", Kind::Text, "The tenant of calls that come in here; without it, the default tenant of the client that is named here, else `default_tenant`."),
    key("listener.[].account", Kind::Account, "The account of calls that come in here: a name or a member id of that tenant."),
    key("listener.[].client", Kind::Text, "The client that whoever can reach this listener is, without any secret."),
    key("listener.[].mode", MODE, "What calls that come in here may do at most.").default("full"),
    key("listener.[].answer_urls", Kind::Choice(&["proxy", "as_called"]), "What URLs of the tenant's hosts become in answers, as in `listen.answer_urls`.").default("proxy"),

    key("admin.listen", Kind::Address, "Where health and metrics are served: `ip:port` or `localhost:port`.").default("127.0.0.1:7363"),
    key("admin.quit", Kind::Flag, "Stopping over HTTP.").only("false"),
    later("admin.token", Kind::Secret),
    later("admin.token_file", Kind::Path),

    key("tenants.*.kind", Kind::Choice(&["marketing_cloud", "salesforce", "data_cloud", "account_engagement"]), "What kind of tenant it is.").only("marketing_cloud"),
    key("tenants.*.subdomain", Kind::Text, "The tenant's subdomain, the SUB in `https://SUB.auth.marketingcloudapis.com/`. Required unless `auth_url` is given."),
    key("tenants.*.grant", Kind::Choice(&["client_credentials", "authorization_code", "jwt_bearer"]), "How tokens are minted.").only("client_credentials"),
    key("tenants.*.client_id", Kind::Text, "The installed package's client id. Required."),
    key("tenants.*.client_secret", Kind::Secret, "The installed package's client secret. This or `client_secret_file` is required."),
    key("tenants.*.client_secret_file", Kind::Path, "A file that holds the client secret; one line end at its end is dropped. A relative path starts at the configuration file."),
    later("tenants.*.client_secret_next", Kind::Secret),
    later("tenants.*.client_secret_next_file", Kind::Path),
    key("tenants.*.account_id", Kind::Mid, "Member id (MID) of the default account. Without it, tokens are for the package's own account; with named accounts, calls have to select."),
    key("tenants.*.allow_any_account", Kind::Flag, "Let callers select member ids that have no name here.").default("false"),
    key("tenants.*.scope", Kind::Words, "Scopes to ask for. Leave it out for all that the package grants."),
    key("tenants.*.mode", MODE, "What calls may do at most: everything, nothing that sends, nothing that writes. The strictest of tenant, client and listener holds; docs/policy.md has the table.").default("full"),
    key("tenants.*.refresh_before", FROM_ZERO, "Renew a token this long before it expires, in the background; at most the last quarter of its life.").default("120s"),
    key("tenants.*.auth_url", Kind::Url, "Where tokens come from, only to override what the subdomain implies. Plain http for loopback alone."),
    key("tenants.*.trusted_hosts", Kind::Texts, "Hosts, or host:port, that are accepted as instances beyond the subdomain's own.").default(""),
    key("tenants.*.ca_file", Kind::Path, "Further roots of trust for this tenant, as PEM."),
    key("tenants.*.accounts.*", Kind::Mid, "A name (`a-z 0-9 -`, not digits alone) and its member id."),

    key("clients.*.secret", Kind::Secret, "What the client shows beside its name. This or `secret_file` is required, unless the client is known by certificate or a `[[listener]]` names it."),
    key("clients.*.secret_file", Kind::Paths, "A file that holds the secret; one line end at its end is dropped. Of several files each is right, as during a rotation; access tokens that are handed to the client are made with the first."),
    key("clients.*.usernames", Kind::Texts, "Further user names that mean this client, with its secret as password, in wsse and Basic."),
    key("clients.*.tenants", Kind::Texts, "The tenants that it may use; the first is its default. Without it: `default_tenant`."),
    key("clients.*.accounts", Kind::Accounts, "The accounts that it may use, by name or member id; the first of each tenant is its default there. Without it: the default account of each of its tenants."),
    key("clients.*.mode", MODE, "What its calls may do at most.").default("full"),
    key("clients.*.allow", Kind::Texts, "The only calls that it may make, as `GET /asset/v1/**` or `SOAP Retrieve`; docs/policy.md says how they are written. Without it: all."),

    key("intercept.ca_dir", Kind::Path, "Where the local CA is, `ca.pem` and `ca.key`; made at the first start. In `$XDG_DATA_HOME` where that is an absolute path.").default("~/.local/share/sfmc-auth-proxy/ca"),
    key("intercept.other_hosts", Kind::Choice(&["deny", "tunnel"]), "What a forward-proxy request for a host that is no tenant's gets: a refusal, or a way there, if that host is on the public network.").default("deny"),

    key("upstream.resolve_with", Kind::Servers, "Who resolves host names: `system`, or name servers as `ip` or `ip:port` (53), which are asked past any hosts file.").default("system"),
    key("upstream.proxy", Kind::Proxy, "The proxy on the way out: `env` is what HTTPS_PROXY, HTTP_PROXY, ALL_PROXY and NO_PROXY say, `none` is none, else an `http://` URL. Loopback is always reached directly.").default("env"),
    key("upstream.via", Kind::Flag, "Add a Via header to calls.").default("false"),

    key("timeouts.request_head", POSITIVE, "From the first byte of a request's head to its last.").default("30s"),
    key("timeouts.client_idle", POSITIVE, "How long a caller's connection may wait for its next request.").default("75s"),
    key("timeouts.connect", POSITIVE, "Name resolution, TCP and TLS to the tenant, together.").default("10s"),
    key("timeouts.response_head", POSITIVE, "From the last byte of a request to the head of its answer.").default("300s"),
    key("timeouts.body_stall", POSITIVE, "A body that moves no byte for this long, either way.").default("120s"),
    key("timeouts.pool_idle", POSITIVE, "How long an unused connection to the tenant is kept.").default("50s"),

    key("limits.workers", count(0, 1024), "Threads that serve; 0 takes as many as there are processors.").default("0"),
    key("limits.max_connections", count(1, 1_000_000), "Callers' connections at one time; more wait.").default("4096"),
    key("limits.max_headers", count(1, 4096), "Header lines of one request or answer.").default("256"),
    key("limits.max_header_size", size(KIB, 16 * MIB), "Size of one request's or answer's head.").default("64KiB"),
    key("limits.max_replay_size", size(0, GIB), "Largest body that is kept for a replay; larger ones stream, but cannot be replayed.").default("4MiB"),
    key("limits.max_envelope_size", size(KIB, GIB), "Largest SOAP request, unpacked; larger ones are refused.").default("16MiB"),
    key("limits.max_buffered_size", size(0, 1024 * GIB), "All bodies kept for replays, and all SOAP requests, together; at most a quarter of the process's memory limit.").default("256MiB"),
    key("limits.max_client_requests", count(0, 1_000_000), "Requests in flight per client; 0 is no limit.").default("0"),
    key("limits.max_forced_mints", count(0, 1000), "Token requests that refusals may cause, per account; one comes back each minute.").default("20"),

    later("state", Kind::Table),
    later("state.dir", Kind::Path),
    later("state.key", Kind::Secret),
    later("state.key_file", Kind::Path),
    later("state.redis_url", Kind::Secret),

    key("log.format", Kind::Choice(&["json", "text"]), "Shape of log lines. Without it: text on a terminal, else json."),
    key("log.level", Kind::Choice(&["error", "warn", "info", "debug", "trace"]), "Least severe level that is logged.").default("info"),

    key("audit.file", Kind::Path, "Every call and every refusal is recorded here, as one JSON object a line: what the log's line has, and the object types of SOAP and an id of our own. Opened anew on SIGHUP, and when it has been moved away."),
    key("audit.on_error", Kind::Choice(&["continue", "refuse"]), "What becomes of calls while the file cannot be written: `continue` holds back as many lines as there is room for, and then loses some; `refuse` makes no call that is not recorded.").default("continue"),

    key("shutdown.drain_delay", FROM_ZERO, "After the signal to stop: keep serving, but unready, for this long.").default("0s"),
    key("shutdown.drain_timeout", FROM_ZERO, "Then wait this long at most for calls in flight.").default("30s"),
];
