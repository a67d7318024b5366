//! Clients: how each is known, what it may do, and what can never work.

use super::*;
use crate::policy::{Mode, Posture};
use crate::proxy::AnswerUrls;
use crate::secret::Secret;

/// A tenant with three accounts, fourteen lines with the second one.
const TENANTS: &str = "default_tenant = \"acme\"\n\
    [tenants.acme]\nsubdomain = \"mc1\"\nclient_id = \"id\"\nclient_secret = \"s\"\naccount_id = 5\n\
    [tenants.acme.accounts]\nemea = 6\napac = 7\n\
    [tenants.other]\nsubdomain = \"mc2\"\nclient_id = \"id\"\nclient_secret = \"s\"\nallow_any_account = true\n";
const SECRET: &str = "secret = \"0123456789abcdef0123456789abcdef\"\n";

/// Faults and warnings of these lines below the tenants; the first is line 15.
#[track_caller]
fn judge(text: &str, faults: &[&str], warnings: &[&str]) {
    let found = found(&format!("{TENANTS}{text}"), &[], Depth::Whole);
    assert_eq!(lines(&found), faults, "{text}");
    let shortened: Vec<String> = found
        .warnings
        .iter()
        .map(|warning| warning.replace("sfmc-auth-proxy.toml:", ""))
        .collect();
    assert_eq!(shortened, warnings, "{text}");
}

#[test]
fn what_a_client_may_do() {
    let resolved = resolve(&format!(
        "{TENANTS}[clients.newsletter]\n{SECRET}usernames = [\"API_User@example.com\"]\ntenants = [\"other\", \"acme\"]\n\
         accounts = [7, \"emea\", \"99\"]\nmode = \"no_send\"\nallow = [\"GET /asset/v1/**\", \"SOAP Retrieve\"]\n\
         [clients.\"app.example.com\"]\n{}",
        SECRET.replace('0', "9")
    ));
    let clients = &resolved.proxy.clients;
    let names: Vec<&str> = clients.iter().map(|client| client.name.as_str()).collect();
    assert_eq!(names, ["app.example.com", "newsletter"]);
    let app = &clients[0].grant;
    assert_eq!(app.tenants, ["acme"], "the default tenant");
    assert!(app.accounts.is_empty(), "its default account");
    assert_eq!((app.mode, app.allow.is_none()), (Mode::Full, true));
    let newsletter = &clients[1];
    assert_eq!(newsletter.usernames, ["API_User@example.com"]);
    assert_eq!(newsletter.secrets.len(), 1);
    let grant = &newsletter.grant;
    assert_eq!(grant.tenants, ["other", "acme"]);
    assert_eq!(grant.accounts["acme"], [7, 6], "in their order");
    assert_eq!(grant.accounts["other"], [7, 99], "any member id goes there");
    assert_eq!(grant.mode, Mode::NoSend);
    assert_eq!(grant.allow.as_ref().unwrap().patterns().len(), 2);
    assert_eq!(resolved.warnings, [""; 0]);
    assert!(resolve(TENANTS).proxy.clients.is_empty());
}

#[test]
fn secrets_come_from_one_file_or_several() {
    let folder = tempfile::tempdir().unwrap();
    for (name, text) in [
        ("new", "n-0123456789abcdef\n"),
        ("old", "o-0123456789abcdef"),
    ] {
        std::fs::write(folder.path().join(name), text).unwrap();
    }
    let secrets = |line: &str| {
        let text = format!("{TENANTS}[clients.a]\n{line}");
        from_text(&text, folder.path())
            .map(|resolved| {
                let secrets = &resolved.proxy.clients[0].secrets;
                let texts: Vec<_> = secrets
                    .iter()
                    .map(|it| Secret::expose(it).to_owned())
                    .collect();
                texts
            })
            .map_err(|faults| lines(&faults))
    };
    let (new, old) = ("n-0123456789abcdef", "o-0123456789abcdef");
    assert_eq!(secrets("secret_file = \"new\"").unwrap(), [new]);
    assert_eq!(
        secrets("secret_file = [\"new\",\n\"old\"]").unwrap(),
        [new, old]
    );
    let gone = folder.path().join("gone").display().to_string();
    assert_eq!(
        secrets("secret_file = [\"new\",\n\"gone\"]").unwrap_err(),
        [format!(
            "17: clients.a.secret_file: the file {gone} does not exist; name a file that holds the secret"
        )],
        "with the entry's own line"
    );
    assert_eq!(
        secrets("secret_file = []").unwrap_err(),
        ["16: clients.a.secret_file: is empty; name a file that holds the secret"]
    );
    judge(
        "[clients.a]\nsecret = \"x\"\nsecret_file = \"x\"",
        &["16: clients.a.secret: secret and secret_file are both given; keep one of them"],
        &[],
    );
    judge(
        "[clients.a]\nsecret_file = 5",
        &[
            "16: clients.a.secret_file: is a number, not text; write it in quotes, or several in a list",
        ],
        &[],
    );
    let syntax = format!(
        "{TENANTS}[clients.a]\nsecret_file = [\"/none\"]\n[clients.b]\nsecret = \"${{B}}\""
    );
    assert_eq!(lines(&found(&syntax, &[], Depth::Syntax)), [""; 0]);
}

#[test]
fn a_client_has_to_be_known_by_something() {
    let missing = "15: clients.a.secret: is missing; write secret_file = \"/run/secrets/…\", or secret = \"${NAME}\"; or let it be known by certificate (client_ca_file in [listen.tls]) or by the [[listener]] that names it";
    judge("[clients.a]\n", &[missing], &[]);
    judge(
        "[clients.a]\n[[listener]]\naddress = \"127.0.0.1:1\"\nclient = \"a\"",
        &[],
        &[],
    );
    let by_certificate = format!(
        "{TENANTS}[clients.a]\n[intercept]\n[listen]\nhttps = [\"127.0.0.1:1\"]\ntls.client_ca_file = \"x\""
    );
    assert_eq!(lines(&found(&by_certificate, &[], Depth::Syntax)), [""; 0]);
    judge(
        "[clients.a]\nusernames = [\"u\"]\n[[listener]]\naddress = \"127.0.0.1:1\"\nclient = \"a\"",
        &[],
        &[
            "16: clients.a.usernames: are of no use to a client without a secret, which would be their password",
        ],
    );
    judge(
        "[clients]\n",
        &[
            "15: clients: names no client; add a [clients.NAME] table, or leave it out to let everyone call",
        ],
        &[],
    );
}

#[test]
fn secrets_that_are_weak_or_shared_are_warned_of() {
    judge(
        "[clients.a]\nsecret = \"0123456789abcde\"\n[clients.b]\nsecret = \"0123456789abcde\"\n[clients.c]\nsecret = \"0123456789abcdef\"",
        &[],
        &[
            "16: clients.a.secret: can be guessed; use 32 random characters",
            "18: clients.b.secret: can be guessed; use 32 random characters",
            "18: clients.b.secret: is the secret of client a too: whoever knows it can be either; give each its own",
        ],
    );
}

#[test]
fn names_and_user_names_mean_one_client() {
    let client =
        |name: &str| format!("[clients.{name}]\nsecret = \"secret of {name}, long enough\"\n");
    judge(
        &client("Big"),
        &["15: clients.Big: a client's name is made of a-z, 0-9, - and .; write \"big\""],
        &[],
    );
    judge(
        &format!("{}{}", client("big"), client("BIG")),
        &[
            "17: clients.BIG: is the same name as \"big\", because case does not count; give one of them another name",
        ],
        &[],
    );
    judge(
        &format!(
            "{}usernames = [\"Api\", \"api\", \"a\", \"B\"]\n{}usernames = [\"x\",\n\"API\", \"\"]",
            client("a"),
            client("b")
        ),
        &[
            "17: clients.a.usernames: \"B\" is the name of client b; leave it to one of the two: a user name has to say which client it is",
            "21: clients.b.usernames: has a name that is empty; write the name, or take it out",
            "21: clients.b.usernames: \"API\" is a user name of client a too; leave it to one of the two: a user name has to say which client it is",
        ],
        &[],
    );
}

/// A client with these lines; the first of them is line 17.
fn with(lines: &str) -> String {
    format!("[clients.a]\n{SECRET}{lines}")
}

#[test]
fn tenants_and_accounts_of_a_client() {
    judge(
        &with("tenants = [\"acme\",\n\"othr\"]"),
        &["18: clients.a.tenants: there is no tenant \"othr\"; did you mean \"other\"?"],
        &[],
    );
    judge(
        &with("tenants = []"),
        &[
            "17: clients.a.tenants: is empty; name its tenants, or leave it out for the default tenant",
        ],
        &[],
    );
    judge(
        &with("accounts = [\"emea\",\n\"emae\", 8]"),
        &[
            "18: clients.a.accounts: tenant acme has no account \"emae\"; did you mean \"emea\"?",
            "18: clients.a.accounts: 8 is not an account of tenant acme; name it in [tenants.acme.accounts], or set allow_any_account = true there",
        ],
        &[],
    );
    judge(
        &with("tenants = [\"acme\", \"other\"]\naccounts = [\"nope\"]"),
        &[
            "18: clients.a.accounts: the tenants acme, other have no account \"nope\"; name it in [tenants.acme.accounts]",
        ],
        &[],
    );
    judge(
        &with("tenants = [\"acme\", \"other\"]\naccounts = [\"emea\"]"),
        &[
            "18: clients.a.accounts: names no account of tenant other, so that this client could not use that tenant; name one, or take the tenant out of its tenants",
        ],
        &[],
    );
    judge(
        &with("accounts = []"),
        &[
            "17: clients.a.accounts: is empty, so that the client could call nothing; name its accounts, or leave it out for the default account of each tenant",
        ],
        &[],
    );
    judge(
        &with("accounts = \"emea\""),
        &[
            "17: clients.a.accounts: is text, not a list; write a list such as [\"emea\", 510001236]",
        ],
        &[],
    );
    judge(
        &with("accounts = [0]"),
        &[
            "17: clients.a.accounts: 0 is no member id; write the MID, a positive number such as 510001234",
        ],
        &[],
    );
}

#[test]
fn a_client_that_names_none_has_defaults_to_fall_back_on() {
    let several = TENANTS.replace("default_tenant = \"acme\"", "");
    assert_eq!(
        lines(&found(&format!("{several}{}", with("")), &[], Depth::Whole)),
        [
            "15: clients.a.tenants: is missing: there are several tenants, and none is the default; write tenants = [\"NAME\"], or set default_tenant"
        ]
    );
    let no_default = TENANTS.replace("account_id = 5", "");
    assert_eq!(
        lines(&found(
            &format!("{no_default}{}", with("")),
            &[],
            Depth::Whole
        )),
        [
            "15: clients.a.accounts: is missing: tenant acme has no default account, so that this client could use none of its accounts; write accounts = [\"NAME\"], or account_id in [tenants.acme]"
        ]
    );
    assert_eq!(
        lines(&found(
            &format!("{no_default}{}", with("accounts = [\"emea\"]")),
            &[],
            Depth::Whole
        )),
        [""; 0]
    );
}

#[test]
fn a_policy_that_only_observes_is_warned_of() {
    let lets_through = "lets through what mode and allow of this client refuse, and only records it; write \"enforce\" once the \
                        records show nothing that is meant";
    for (lines, warning) in [
        ("policy = \"observe\"\nallow = []", lets_through),
        ("policy = \"observe\"\nmode = \"no_send\"", lets_through),
        (
            "policy = \"observe\"",
            "has nothing to observe: this client has neither mode nor allow; give it what you want to try",
        ),
    ] {
        judge(
            &with(lines),
            &[],
            &[&format!("17: clients.a.policy: {warning}")],
        );
    }
    judge(&with("policy = \"enforce\""), &[], &[]);
    judge(
        &with("policy = \"watch\""),
        &[
            "17: clients.a.policy: \"watch\" is not one of the words for it; write \"enforce\" or \"observe\"",
        ],
        &[],
    );
    let of = |lines: &str| {
        let resolved = resolve(&format!("{TENANTS}{}", with(lines)));
        resolved.proxy.clients[0].grant.policy
    };
    assert_eq!(of("policy = \"observe\""), Posture::Observe);
    assert_eq!(of(""), Posture::Enforce, "unless it says otherwise");
}

#[test]
fn allow_lists() {
    judge(
        &with("allow = [\"GET /asset/v1/**\",\n\"/asset\",\n\"SOAP\"]"),
        &[
            "18: clients.a.allow: \"/asset\" cannot be read: the method is missing; write \"* /asset\", or GET for `*`",
            "19: clients.a.allow: \"SOAP\" cannot be read: the operation is missing; write \"SOAP Retrieve\", or \"SOAP *\" for every operation",
        ],
        &[],
    );
    judge(
        &with("allow = [\"GET /asset/v1/**\",\n\"GET /aset/v1/**\"]"),
        &[],
        &[
            "18: clients.a.allow: \"GET /aset/v1/**\" matches nothing: no REST service of the vendor is called `aset`: did you mean `asset`?",
        ],
    );
    judge(
        &with("allow = []"),
        &[],
        &[
            "17: clients.a.allow: is empty, so that the client may call nothing; leave it out to allow everything",
        ],
    );
    let deletes = "allow = [\"SOAP Delete\"]";
    let held =
        "matches nothing: every call that it matches writes, which mode `read_only` holds back";
    judge(&with(deletes), &[], &[]);
    judge(
        &with(&format!("mode = \"read_only\"\n{deletes}")),
        &[],
        &[&format!("18: clients.a.allow: \"SOAP Delete\" {held}")],
    );
    // The client may use it where a tenant lets it.
    let tenants = TENANTS.replace("account_id = 5", "account_id = 5\nmode = \"read_only\"");
    let warnings =
        |lines: &str| found(&format!("{tenants}{}", with(lines)), &[], Depth::Whole).warnings;
    assert_eq!(
        warnings(deletes),
        [format!(
            "sfmc-auth-proxy.toml:18: clients.a.allow: \"SOAP Delete\" {held}"
        )]
    );
    assert_eq!(
        warnings(&format!("tenants = [\"acme\", \"other\"]\n{deletes}")),
        [""; 0]
    );
}

#[test]
fn listeners_of_a_client() {
    let resolved = resolve(&format!(
        "{TENANTS}[clients.a]\ntenants = [\"other\", \"acme\"]\naccounts = [9, \"emea\"]\n\
         [[listener]]\naddress = \"127.0.0.1:1\"\nclient = \"a\"\naccount = 9\nmode = \"read_only\"\nanswer_urls = \"as_called\"\n\
         [[listener]]\naddress = \"127.0.0.1:2\"\nclient = \"a\"\n\
         [tenants.third]\nmode = \"no_send\"\nsubdomain = \"mc3\"\nclient_id = \"id\"\nclient_secret = \"s\"\n"
    ));
    let first = &resolved.proxy.listeners[2];
    assert_eq!(
        (
            first.client.as_deref(),
            first.tenant.as_deref(),
            first.account
        ),
        (Some("a"), Some("other"), Some(9)),
        "of the client's first tenant"
    );
    assert_eq!(
        (first.mode, first.answer_urls),
        (Mode::ReadOnly, AnswerUrls::AsCalled)
    );
    let second = &resolved.proxy.listeners[3];
    assert_eq!(
        (second.client.as_deref(), second.tenant.as_deref()),
        (Some("a"), None)
    );
    assert_eq!(
        (second.mode, second.answer_urls),
        (Mode::Full, AnswerUrls::Proxy)
    );
    let modes: Vec<Mode> = resolved
        .proxy
        .tenants
        .iter()
        .map(|tenant| tenant.mode)
        .collect();
    assert_eq!(modes, [Mode::Full, Mode::Full, Mode::NoSend]);
}

#[test]
fn a_listener_selects_what_its_client_may_use() {
    let with = |lines: &str| {
        format!("[clients.a]\n{SECRET}[[listener]]\naddress = \"127.0.0.1:1\"\n{lines}")
    };
    judge(
        &with("client = \"b\""),
        &["19: listener[0].client: there is no client \"b\"; did you mean \"a\"?"],
        &[],
    );
    judge(
        "[[listener]]\naddress = \"127.0.0.1:1\"\nclient = \"b\"",
        &["17: listener[0].client: there is no client \"b\"; add its table, [clients.NAME]"],
        &[],
    );
    judge(
        &with("client = \"a\"\ntenant = \"other\""),
        &[
            "20: listener[0].tenant: client a may not use tenant other; add it to tenants in [clients.a], or select another here",
        ],
        &[],
    );
    judge(
        &with("client = \"a\"\naccount = \"emea\""),
        &[
            "20: listener[0].account: client a may not use account 6 of tenant acme; add it to accounts in [clients.a], or select another here",
        ],
        &[],
    );
    judge(&with("client = \"a\"\naccount = 5"), &[], &[]);
}
