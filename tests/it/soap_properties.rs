//! What holds for every envelope and every answer, however they are written and however they arrive.

use std::io::Write;

use bytes::Bytes;
use flate2::{Compression, write::GzEncoder};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;
use sfmc_auth_proxy::soap::envelope::{self, Dialect, Envelope};
use sfmc_auth_proxy::soap::fault::{self, Blame, Coding, Refusal, SNIFFED_SIZE, Sniffer, Verdict};
use sfmc_auth_proxy::soap::{Content, Version, wsdl};

use crate::envelope::{TOKEN, URL, check_with_another_reader, corpus, rendered};

const TOKEN_ELEMENT: &str =
    "<fueloauth xmlns=\"http://exacttarget.com\">TOKEN&amp;&lt;&quot;1&apos;&#233;</fueloauth>";
const TOKEN_ESCAPED: &str = "TOKEN&amp;&lt;&quot;1&apos;&#233;";
const SOAP11: &str = "http://schemas.xmlsoap.org/soap/envelope/";
const SOAP12: &str = "http://www.w3.org/2003/05/soap-envelope";
const WSSE: &str =
    "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-secext-1.0.xsd";

/// An envelope, and the same without its credentials.
#[derive(Debug, Clone)]
struct Made {
    prefix: &'static str,
    /// The namespace of the API that is called, as it is written: for core Salesforce.
    api: Option<&'static str>,
    input: String,
    without_credentials: String,
    header: HeaderForm,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum HeaderForm {
    None,
    Empty,
    Open,
}

/// Something in a Header: what is written, and whether it is a credential.
fn header_child() -> impl Strategy<Value = (String, bool)> {
    let credential = select(vec![
        "<fueloauth xmlns=\"http://exacttarget.com\">old</fueloauth>".to_owned(),
        "<fueloauth>old</fueloauth>".to_owned(),
        "<ns1:fueloauth xmlns:ns1='http://exacttarget.com'>old</ns1:fueloauth>".to_owned(),
        "<fueloauth><fueloauth>old</fueloauth></fueloauth>".to_owned(),
        "<fueloauth xmlns=\"urn:other\"/>".to_owned(),
        "<oAuth xmlns=\"http://exacttarget.com\"><oAuthToken>old</oAuthToken></oAuth>".to_owned(),
        format!(
            "<wsse:Security xmlns:wsse=\"{WSSE}\"><wsse:UsernameToken><wsse:Username>u</wsse:Username>\
             <wsse:Password>p</wsse:Password></wsse:UsernameToken></wsse:Security>"
        ),
        format!("<o:Security xmlns:o='{WSSE}'/>"),
        "<SessionHeader xmlns=\"urn:partner.soap.sforce.com\"><sessionId>old</sessionId></SessionHeader>".to_owned(),
        "<m:SessionHeader xmlns:m='urn:m'>\n<m:sessionId>old</m:sessionId><fueloauth/></m:SessionHeader>".to_owned(),
    ])
    .prop_map(|text| (text, true));
    let kept = select(vec![
        "<x:trace xmlns:x=\"urn:x\" x:mustUnderstand=\"1\">t</x:trace>",
        "<a:Action xmlns:a=\"http://www.w3.org/2005/08/addressing\">Retrieve</a:Action>",
        "<Security>ours</Security>",
        "<!-- fueloauth -->",
        "<FuelOAuth2/>",
        "<CallOptions xmlns='urn:partner.soap.sforce.com'><client>SessionHeader</client></CallOptions>",
        "\n\t ",
        "\r\n",
        "<n:deep xmlns:n='urn:n'><n:deep a='>'/></n:deep>",
    ])
    .prop_map(|text| (text.to_owned(), false));
    prop_oneof![credential, kept]
}

fn body_content() -> impl Strategy<Value = String> {
    let piece = select(vec![
        "<RetrieveRequestMsg xmlns=\"http://exacttarget.com/wsdl/partnerAPI\"><RetrieveRequest>\
         <ObjectType>Subscriber</ObjectType></RetrieveRequest></RetrieveRequestMsg>",
        "<x:any xmlns:x='urn:any' attribute='&lt;>'/>",
        "<fueloauth>data</fueloauth>",
        "<![CDATA[<fueloauth>no</fueloauth> ]] >]]>",
        "<!-- a comment - with <Header/> -->",
        "<?target data?>",
        "&amp;&#x41;&#233;",
        "häßlich \u{1F4E7} 漢字",
        "<Header><fueloauth>data</fueloauth></Header>",
        " \n ",
    ]);
    vec(piece, 0..5).prop_map(|pieces| pieces.concat())
}

fn made() -> impl Strategy<Value = Made> {
    (
        select(vec!["", "s", "soap", "SOAP-ENV", "soapenv", "fueloauth"]),
        select(vec![SOAP11, SOAP12]),
        select(vec![HeaderForm::None, HeaderForm::Empty, HeaderForm::Open]),
        vec(header_child(), 0..6),
        body_content(),
        any::<bool>(),
        select(vec!["", "\n", "  "]),
        select(vec![
            "",
            "<?xml version=\"1.0\"?>",
            "<?xml version='1.0' encoding='utf-8'?>\n",
        ]),
        select(vec!["\"", "'"]),
        select(vec![
            None,
            Some("urn:partner.soap.sforce.com"),
            Some("http://soap.sforce.com/2006/04/metadata"),
            Some("http://soap.sforce.com/schemas/class/&lt;a&gt;&amp;b&#233;"),
        ]),
    )
        .prop_map(
            |(
                prefix,
                namespace,
                header,
                children,
                body,
                header_last,
                space,
                declaration,
                quote,
                api,
            )| {
                let name = |local: &str| {
                    if prefix.is_empty() {
                        local.to_owned()
                    } else {
                        format!("{prefix}:{local}")
                    }
                };
                let attribute = if prefix.is_empty() {
                    "xmlns".to_owned()
                } else {
                    format!("xmlns:{prefix}")
                };
                let whole = |with_credentials: bool| {
                    let (tag, envelope, body_tag) =
                        (name("Header"), name("Envelope"), name("Body"));
                    let children: String = children
                        .iter()
                        .filter(|(_, credential)| with_credentials || !credential)
                        .map(|(text, _)| text.as_str())
                        .collect();
                    let header = match header {
                        HeaderForm::None => String::new(),
                        HeaderForm::Empty => format!("<{tag} />"),
                        HeaderForm::Open => format!("<{tag}>{children}</{tag}>"),
                    };
                    let first = match api {
                        Some(api) => format!("<q:query xmlns:q=\"{api}\" xmlns=''><a/></q:query>"),
                        None => String::new(),
                    };
                    let body = format!("<{body_tag}>{first}{body}</{body_tag}>");
                    let (first, second) = if header_last {
                        (body, header)
                    } else {
                        (header, body)
                    };
                    format!(
                        "{declaration}<{envelope} {attribute}={quote}{namespace}{quote}>{space}{first}{space}{second}\
                         {space}</{envelope}>\n"
                    )
                };
                Made {
                    prefix,
                    api,
                    input: whole(true),
                    without_credentials: whole(false),
                    header,
                }
            },
        )
}

impl Made {
    fn scan(&self, input: &Bytes) -> Envelope {
        let dialect = self
            .api
            .map_or(Dialect::MarketingCloud, |_api| Dialect::Core);
        envelope::scan_as(dialect, input, &Content::default()).unwrap()
    }

    fn token_element(&self) -> String {
        match self.api {
            Some(api) => format!(
                "<SessionHeader xmlns=\"{api}\"><sessionId>{TOKEN_ESCAPED}</sessionId></SessionHeader>"
            ),
            None => TOKEN_ELEMENT.to_owned(),
        }
    }

    /// Takes the token's element out again, and the Header with it where the input had none.
    fn taken_back(&self, output: &str) -> String {
        let bare = output.replacen(&self.token_element(), "", 1);
        let tag = if self.prefix.is_empty() {
            "Header".to_owned()
        } else {
            format!("{}:Header", self.prefix)
        };
        match self.header {
            HeaderForm::None => bare.replacen(&format!("<{tag}></{tag}>"), "", 1),
            HeaderForm::Empty => {
                bare.replacen(&format!("<{tag} ></{tag}>"), &format!("<{tag} />"), 1)
            }
            HeaderForm::Open => bare,
        }
    }
}

fn text_of(bytes: Vec<u8>) -> String {
    String::from_utf8(bytes).unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn taking_the_token_out_gives_the_input_without_its_credentials(made in made()) {
        let input = Bytes::from(made.input.clone());
        let output = text_of(rendered(&made.scan(&input)));
        prop_assert_eq!(output.matches(&made.token_element()).count(), 1);
        prop_assert_eq!(made.taken_back(&output), made.without_credentials.clone());
        check_with_another_reader("made", &made.input, &output, TOKEN);
    }

    #[test]
    fn a_second_pass_changes_nothing(made in made()) {
        let once = rendered(&made.scan(&Bytes::from(made.input.clone())));
        let twice = rendered(&made.scan(&Bytes::from(once.clone())));
        prop_assert_eq!(once, twice);
    }

    /// The two UTF-16 forms say the same as UTF-8.
    #[test]
    fn the_encoding_changes_nothing(made in made(), big in any::<bool>()) {
        let text = made.input.replace("encoding='utf-8'", "encoding='utf-16'");
        let unit = |unit: u16| if big { unit.to_be_bytes() } else { unit.to_le_bytes() };
        let wide: Vec<u8> = format!("\u{FEFF}{text}").encode_utf16().flat_map(unit).collect();
        let output = rendered(&made.scan(&Bytes::from(wide)));
        let read = |pair: &[u8]| if big { u16::from_be_bytes([pair[0], pair[1]]) } else { u16::from_le_bytes([pair[0], pair[1]]) };
        let output: Vec<u16> = output.chunks(2).map(read).collect();
        let output = String::from_utf16(&output).unwrap();
        let narrow = rendered(&made.scan(&Bytes::from(made.input.clone())));
        let narrow = text_of(narrow).replace("encoding='utf-8'", "encoding='utf-16'");
        prop_assert_eq!(output, format!("\u{FEFF}{narrow}"));
    }

    /// Cut, doubled, or with bytes changed: either refused, or a document with one token that another reader accepts too.
    #[test]
    fn a_damaged_envelope_is_refused_or_still_right(
        which in any::<prop::sample::Index>(),
        edits in vec((any::<prop::sample::Index>(), any::<u8>(), 0_u8..4), 1..6),
    ) {
        let cases = corpus("taken");
        let case = which.get(&cases);
        let mut bytes = case.input().to_vec();
        for (place, byte, how) in edits {
            let place = place.index(bytes.len().max(1));
            match how {
                0 => bytes.truncate(place),
                1 => bytes.iter_mut().skip(place).take(1).for_each(|old| *old = byte),
                2 => bytes.insert(place.min(bytes.len()), byte),
                _ => { let tail = bytes.get(place..).unwrap_or_default().to_vec(); bytes.extend(tail); }
            }
        }
        if let Ok(envelope) = case.scan_as_sent(&Bytes::from(bytes.clone())) {
            let output = rendered(&envelope);
            if let (Ok(before), Ok(after)) = (String::from_utf8(bytes), String::from_utf8(output))
                && roxmltree::Document::parse(&before).is_ok()
            {
                check_with_another_reader("damaged", &before, &after, TOKEN);
            }
        }
    }
}

fn gzipped(text: &[u8]) -> Vec<u8> {
    let mut packed = GzEncoder::new(Vec::new(), Compression::fast());
    packed.write_all(text).unwrap();
    packed.finish().unwrap()
}

/// An answer's text and what it is.
fn answers() -> Vec<(String, Verdict)> {
    let fault = |namespace: &str, prefix: &str, code: &str, reason: &str| {
        let prefixed = |local: &str| {
            if prefix.is_empty() {
                local.to_owned()
            } else {
                format!("{prefix}:{local}")
            }
        };
        let attribute = if prefix.is_empty() {
            "xmlns".to_owned()
        } else {
            format!("xmlns:{prefix}")
        };
        let inside = if namespace == SOAP12 {
            let (code_tag, value, subcode) =
                (prefixed("Code"), prefixed("Value"), prefixed("Subcode"));
            let (reason_tag, text) = (prefixed("Reason"), prefixed("Text"));
            format!(
                "<{code_tag}><{value}>{}</{value}><{subcode}><{value} xmlns:q=\"{WSSE}\" xmlns:sf=\"urn:fault.partner.soap.sforce.com\">{code}</{value}></{subcode}></{code_tag}><{reason_tag}><{text} xml:lang=\"en\">{reason}</{text}></{reason_tag}>",
                prefixed("Sender")
            )
        } else {
            format!(
                "<faultcode xmlns=\"\" xmlns:q=\"{WSSE}\" xmlns:sf=\"urn:fault.partner.soap.sforce.com\">{code}</faultcode><faultstring xmlns=\"\">{reason}</faultstring>"
            )
        };
        let (envelope, header, body, fault) = (
            prefixed("Envelope"),
            prefixed("Header"),
            prefixed("Body"),
            prefixed("Fault"),
        );
        format!(
            "\u{FEFF}<?xml version=\"1.0\" encoding=\"utf-8\"?>\n<{envelope} {attribute}=\"{namespace}\"><{header}><x>Token Expired</x></{header}><{body}><{fault}>{inside}</{fault}></{body}></{envelope}>"
        )
    };
    let mut answers = Vec::new();
    for namespace in [SOAP11, SOAP12] {
        for prefix in ["soap", "s", "", "env"] {
            let table = [
                (
                    "q:Security",
                    "Token Expired",
                    Verdict::Refusal(Refusal::TokenExpired),
                ),
                (
                    "q:Security",
                    "Login Failed",
                    Verdict::Refusal(Refusal::LoginFailed),
                ),
                (
                    "q:FailedAuthentication",
                    "login failed ",
                    Verdict::Refusal(Refusal::LoginFailed),
                ),
                (
                    "sf:INVALID_SESSION_ID",
                    "Invalid Session ID found",
                    Verdict::Refusal(Refusal::InvalidSession),
                ),
                ("q:Other", "The message has an error", Verdict::OtherFault),
                // The words alone are no refusal: data may hold them.
                ("sf:Server", "Token Expired", Verdict::OtherFault),
                ("unbound:Security", "Login Failed", Verdict::OtherFault),
                // A mark inside is a character, also where a chunk begins with it.
                ("\u{FEFF}q:Security", "Token Expired", Verdict::OtherFault),
                (
                    "sf:REQUEST_LIMIT_EXCEEDED",
                    "TotalRequests Limit exceeded.",
                    Verdict::Throttled,
                ),
                ("q:Server", "Rate limit hit", Verdict::Throttled),
                (
                    "q:Server",
                    "API Permission Failed. Object",
                    Verdict::PermissionDenied,
                ),
            ];
            for (code, reason, verdict) in table {
                answers.push((fault(namespace, prefix, code, reason), verdict));
            }
            let own = if namespace == SOAP12 {
                Version::Soap12
            } else {
                Version::Soap11
            };
            answers.push((
                fault::render(
                    own,
                    Blame::Server,
                    "token_unavailable",
                    "Token Expired & Login Failed",
                    "id",
                ),
                Verdict::OtherFault,
            ));
        }
    }
    let result = |status: &str, rest: &str| {
        format!(
            "<soap:Envelope xmlns:soap=\"{SOAP11}\"><soap:Body><RetrieveResponseMsg xmlns=\"http://exacttarget.com/wsdl/partnerAPI\"><OverallStatus>{status}</OverallStatus>{rest}</RetrieveResponseMsg></soap:Body></soap:Envelope>"
        )
    };
    answers.push((
        result("OK", "<Results><Name>Token Expired</Name></Results>"),
        Verdict::NotAFault,
    ));
    answers.push((
        result("Error: API Permission Failed. Object", ""),
        Verdict::PermissionDenied,
    ));
    answers.push((
        result("Error: Token Expired", "<Fault>Login Failed</Fault>"),
        Verdict::NotAFault,
    ));
    answers.push((
        "<html><body>Login Failed</body></html>".to_owned(),
        Verdict::NotAFault,
    ));
    answers.push((
        "{\"message\":\"Not Authorized\"}".to_owned(),
        Verdict::NotAFault,
    ));
    answers.push((String::new(), Verdict::NotAFault));
    answers
}

fn judged<'a>(coding: Coding, chunks: impl Iterator<Item = &'a [u8]>) -> Verdict {
    let mut sniffer = Sniffer::new(coding, SNIFFED_SIZE);
    for chunk in chunks {
        sniffer.feed(chunk);
    }
    sniffer.finish()
}

#[test]
fn every_answer_is_judged_right_whole_and_byte_for_byte() {
    for (text, verdict) in answers() {
        let packed = gzipped(text.as_bytes());
        for (coding, bytes) in [
            (Coding::Identity, text.as_bytes()),
            (Coding::Gzip, &packed[..]),
        ] {
            let whole = judged(coding, std::iter::once(bytes));
            assert_eq!(whole, verdict, "{coding:?}\n{text}");
            let single = judged(coding, bytes.chunks(1));
            assert_eq!(single, verdict, "{coding:?}, byte for byte\n{text}");
        }
    }
}

/// A packed answer that breaks after its Fault says what it says before the break, however it is cut.
#[test]
fn a_broken_packed_answer_is_judged_alike_whole_and_in_pieces() {
    for (text, verdict) in answers() {
        let mut packing = GzEncoder::new(Vec::new(), Compression::fast());
        packing.write_all(text.as_bytes()).unwrap();
        packing.flush().unwrap();
        let mut packed = packing.get_ref().clone();
        // A block of a kind that does not exist.
        packed.extend([0x07; 8]);
        for size in [1, 7, 100, packed.len()] {
            let judged = judged(Coding::Gzip, packed.chunks(size));
            assert_eq!(judged, verdict, "in pieces of {size}\n{text}");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn how_an_answer_is_cut_makes_no_difference(
        which in any::<prop::sample::Index>(),
        gzip in any::<bool>(),
        padding in 0_usize..40_000,
        cuts in vec(1_usize..3_000, 1..20),
    ) {
        let answers = answers();
        let (text, _verdict) = which.get(&answers);
        // A comment before the end moves it across the part that is looked at.
        let text = text.replacen("?>", &format!("?><!--{}-->", "x".repeat(padding)), 1);
        let (coding, bytes) = if gzip {
            (Coding::Gzip, gzipped(text.as_bytes()))
        } else {
            (Coding::Identity, text.into_bytes())
        };
        let whole = judged(coding, std::iter::once(&bytes[..]));
        let mut chunks = Vec::new();
        let mut rest = &bytes[..];
        for cut in cuts.iter().cycle() {
            if rest.is_empty() { break; }
            let (chunk, after) = rest.split_at((*cut).min(rest.len()));
            chunks.push(chunk);
            rest = after;
        }
        prop_assert_eq!(judged(coding, chunks.into_iter()), whole);
    }

    #[test]
    fn bytes_that_are_no_answer_are_no_refusal(bytes in vec(any::<u8>(), 0..2_000), gzip in any::<bool>()) {
        let coding = if gzip { Coding::Gzip } else { Coding::Identity };
        prop_assert_eq!(judged(coding, bytes.chunks(7)), Verdict::NotAFault);
    }

    /// Our own Faults say what they were given, as another reader reads them.
    #[test]
    fn our_own_fault_says_what_it_was_given(message in "[ -~äß€\u{1F4E7}]{0,80}", code in "[a-z_]{1,20}", new in any::<bool>()) {
        let version = if new { Version::Soap12 } else { Version::Soap11 };
        let text = fault::render(version, Blame::Client, &code, &message, "r&1");
        let document = roxmltree::Document::parse(&text).unwrap();
        let said = |name: &str| {
            let node = document.descendants().find(|node| node.tag_name().name() == name).unwrap();
            node.text().unwrap_or_default().to_owned()
        };
        prop_assert_eq!(said(if new { "Text" } else { "faultstring" }), message.clone());
        prop_assert_eq!(said(if new { "Value" } else { "faultcode" }), if new { "soap:Sender" } else { "soap:Client" });
        prop_assert_eq!(said("message"), message);
        prop_assert_eq!(said("code"), code);
        prop_assert_eq!(said("requestId"), "r&1");
    }

    /// The WSDL's other bytes stay.
    #[test]
    fn relinking_changes_addresses_only(host in "[a-z0-9-]{1,30}", query in "[a-z=&]{0,10}") {
        let ours = format!("http://{host}:8085/Service.asmx?{query}");
        let xsd = format!("http://{host}:8085/ETFrameworkFault.xsd");
        let document = |soap: &str, schema: &str| format!(
            "<wsdl:definitions xmlns:wsdl='http://schemas.xmlsoap.org/wsdl/' xmlns:soap=\"http://schemas.xmlsoap.org/wsdl/soap/\" \
             xmlns:xs=\"http://www.w3.org/2001/XMLSchema\">\r\n<wsdl:types><xs:schema><xs:import namespace=\"urn:f\" \
             schemaLocation=\"{schema}\"/><xs:import schemaLocation=\"other.xsd\"/></xs:schema></wsdl:types>\
             <wsdl:documentation>https://webservice.exacttarget.com/Service.asmx ETFrameworkFault.xsd</wsdl:documentation>\
             <wsdl:service><wsdl:port><soap:address location=\"{soap}\" /></wsdl:port></wsdl:service></wsdl:definitions>"
        );
        let before = document("https://webservice.exacttarget.com/Service.asmx", "https://webservice.exacttarget.com/ETFrameworkFault.xsd");
        let escaped = ours.replace('&', "&amp;");
        prop_assert_eq!(text_of(wsdl::relink(before.as_bytes(), &ours, &xsd)), document(&escaped, &xsd));
    }
}

/// The endpoint's own characters are escaped where they go into the envelope.
#[test]
fn the_address_is_written_as_text() {
    let input = format!(
        "<s:Envelope xmlns:s=\"{SOAP12}\"><s:Header><a:To xmlns:a=\"http://www.w3.org/2005/08/addressing\">x</a:To></s:Header>\
         <s:Body/></s:Envelope>"
    );
    let envelope = envelope::scan(&Bytes::from(input), &Content::default()).unwrap();
    let output = text_of(rendered(&envelope));
    let document = roxmltree::Document::parse(&output).unwrap();
    let to = document
        .descendants()
        .find(|node| node.tag_name().name() == "To")
        .unwrap();
    assert_eq!(to.text(), Some(URL));
}
