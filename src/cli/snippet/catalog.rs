//! Every snippet there is: its name, its language, and what its client can do. The texts themselves stand in `texts/`.

use std::ffi::OsStr;

use clap::builder::{PossibleValue, StringValueParser, TypedValueParser};
use clap::{Arg, Command, Error};

use super::aim::Transport;
use super::language::Language;
use crate::token::Kind;

/// Which tenants a snippet is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Tenants {
    /// Of every kind.
    All,
    /// Marketing Cloud alone.
    MarketingCloud,
    /// Core Salesforce alone.
    Salesforce,
}

impl Tenants {
    pub(super) fn include(self, kind: &Kind) -> bool {
        match self {
            Self::All => true,
            Self::MarketingCloud => matches!(kind, Kind::MarketingCloud),
            Self::Salesforce => matches!(kind, Kind::Salesforce),
        }
    }
}

/// One snippet.
#[derive(Debug)]
pub(super) struct Snippet {
    pub(super) name: &'static str,
    /// What it is for, in a few words.
    pub(super) about: &'static str,
    pub(super) language: Language,
    /// How its client can reach the proxy; `None`: it is not for calls.
    pub(super) transport: Option<Transport>,
    pub(super) tenants: Tenants,
    /// Its client can show a certificate.
    pub(super) takes_certificate: bool,
    /// Its client has to be given a member id.
    pub(super) wants_account: bool,
    /// The proxy is in a container, and its client shares that container's network.
    pub(super) is_inside: bool,
    pub(super) text: &'static str,
}

/// Several snippets under the name that people think of first.
#[derive(Debug)]
pub(super) struct Group {
    pub(super) name: &'static str,
    pub(super) members: &'static [&'static str],
}

pub(super) const GROUPS: &[Group] = &[
    group("php", &["php-curl", "php-soap", "php-fuelsdk"]),
    group(
        "python",
        &[
            "python-requests",
            "python-zeep",
            "python-fuelsdk",
            "python-simple-salesforce",
        ],
    ),
    group("node", &["node-fetch", "sfmc-sdk", "fuel-rest", "jsforce"]),
    group("java", &["java-http", "java-cxf", "java-fuelsdk"]),
    group("csharp", &["csharp-fuelsdk", "dotnet"]),
    group("ruby", &["ruby-http", "ruby-fuelsdk"]),
];

const fn group(name: &'static str, members: &'static [&'static str]) -> Group {
    Group { name, members }
}

/// A snippet for calls over TCP to tenants of every kind.
const fn snippet(
    name: &'static str,
    language: Language,
    about: &'static str,
    text: &'static str,
) -> Snippet {
    Snippet {
        name,
        about,
        language,
        transport: Some(Transport::Tcp),
        tenants: Tenants::All,
        takes_certificate: false,
        wants_account: false,
        is_inside: false,
        text,
    }
}

impl Snippet {
    const fn over(mut self, transport: Transport) -> Self {
        self.transport = Some(transport);
        self
    }

    const fn of(mut self, tenants: Tenants) -> Self {
        self.tenants = tenants;
        self
    }

    const fn with_certificate(mut self) -> Self {
        self.takes_certificate = true;
        self
    }

    const fn with_account(mut self) -> Self {
        self.wants_account = true;
        self
    }

    const fn inside(mut self) -> Self {
        self.is_inside = true;
        self
    }

    const fn without_calls(mut self) -> Self {
        self.transport = None;
        self
    }
}

macro_rules! text {
    ($name:literal) => {
        include_str!(concat!("texts/", $name, ".txt"))
    };
}

use Language::{
    CSharp, Go, Java, JavaScript, Json, Php, Properties, Python, Ruby, Shell, Xml, Yaml,
};
use Tenants::{MarketingCloud, Salesforce};
use Transport::{Any, Tls};

#[rustfmt::skip]
pub(super) const SNIPPETS: &[Snippet] = &[
    snippet("curl", Shell, "a call from a shell", text!("curl")).over(Any).with_certificate(),
    snippet("php-curl", Php, "PHP's curl", text!("php-curl")).over(Any),
    snippet("php-soap", Php, "PHP's SoapClient", text!("php-soap")).of(MarketingCloud),
    snippet("php-fuelsdk", Php, "FuelSDK-PHP", text!("php-fuelsdk")).of(MarketingCloud),
    snippet("python-requests", Python, "requests", text!("python-requests")).with_certificate(),
    snippet("python-zeep", Python, "zeep, for SOAP", text!("python-zeep")).of(MarketingCloud).with_certificate(),
    snippet("python-fuelsdk", Python, "Salesforce-FuelSDK", text!("python-fuelsdk")).of(MarketingCloud),
    snippet("python-simple-salesforce", Python, "simple-salesforce", text!("python-simple-salesforce")).of(Salesforce).over(Tls),
    snippet("node-fetch", JavaScript, "Node's fetch", text!("node-fetch")),
    snippet("sfmc-sdk", JavaScript, "the npm package sfmc-sdk", text!("sfmc-sdk")).of(MarketingCloud).with_account(),
    snippet("fuel-rest", JavaScript, "the npm packages fuel-rest and fuel-soap", text!("fuel-rest")).of(MarketingCloud),
    snippet("jsforce", JavaScript, "the npm package jsforce", text!("jsforce")).of(Salesforce),
    snippet("mcdev", Json, "mcdev (sfmc-devtools): .mcdev-auth.json", text!("mcdev")).of(MarketingCloud).with_account(),
    snippet("java-http", Java, "the JDK's HttpClient", text!("java-http")),
    snippet("java-cxf", Java, "CXF, for SOAP", text!("java-cxf")).of(MarketingCloud),
    snippet("java-fuelsdk", Properties, "FuelSDK-Java: fuelsdk.properties", text!("java-fuelsdk")).of(MarketingCloud),
    snippet("csharp-fuelsdk", Xml, "FuelSDK-CSharp: App.config", text!("csharp-fuelsdk")).of(MarketingCloud).over(Tls),
    snippet("dotnet", CSharp, ".NET's HttpClient", text!("csharp-http")),
    snippet("ruby-http", Ruby, "Ruby's Net::HTTP", text!("ruby-http")),
    snippet("ruby-fuelsdk", Ruby, "FuelSDK-Ruby", text!("ruby-fuelsdk")).of(MarketingCloud).over(Tls),
    snippet("go", Go, "Go's net/http", text!("go")).over(Any),
    snippet("postman", Json, "Postman: an environment to import", text!("postman")),
    snippet("kubernetes", Yaml, "the proxy as a sidecar of a pod", text!("kubernetes")).inside(),
    snippet("compose", Yaml, "the proxy beside a service of Docker Compose", text!("compose")).inside(),
    snippet("prometheus", Yaml, "a scrape configuration", text!("prometheus")).without_calls(),
];

/// The snippets of this name, one or those of a group; none if nothing is called so.
pub(super) fn named(name: &str) -> Vec<&'static Snippet> {
    let group = GROUPS.iter().find(|group| group.name == name);
    let names = group.map_or(std::slice::from_ref(&name), |group| group.members);
    let found = |name: &&str| SNIPPETS.iter().find(|snippet| snippet.name == *name);
    names.iter().filter_map(found).collect()
}

/// Every name there is.
pub(super) fn names() -> impl Iterator<Item = &'static str> {
    let groups = GROUPS.iter().map(|group| group.name);
    groups.chain(SNIPPETS.iter().map(|snippet| snippet.name))
}

/// Takes any name, so that what is wrong with one is told with the nearest; shells complete those that there are.
#[derive(Debug, Clone)]
pub(super) struct Names;

impl TypedValueParser for Names {
    type Value = String;

    fn parse_ref(
        &self,
        command: &Command,
        argument: Option<&Arg>,
        value: &OsStr,
    ) -> Result<String, Error> {
        StringValueParser::new().parse_ref(command, argument, value)
    }

    fn possible_values(&self) -> Option<Box<dyn Iterator<Item = PossibleValue> + '_>> {
        Some(Box::new(names().map(PossibleValue::new)))
    }
}
