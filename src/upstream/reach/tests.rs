//! The judgement of addresses: the first and last of every closed network, and their neighbours outside.

use super::*;

fn is_public(address: &str) -> bool {
    Reach::Public.admits(address.parse().unwrap())
}

#[test]
fn addresses_that_the_internet_does_not_reach_are_refused() {
    for address in [
        "0.0.0.0",
        "0.0.0.1",
        "0.255.255.255",
        "10.0.0.0",
        "10.0.0.1",
        "10.255.255.255",
        "100.64.0.0",
        "100.100.100.200",
        "100.127.255.255",
        "127.0.0.0",
        "127.0.0.1",
        "127.255.255.255",
        "168.63.129.16",
        "169.254.0.0",
        "169.254.169.254",
        "169.254.255.255",
        "172.16.0.0",
        "172.31.255.255",
        "192.0.0.0",
        "192.0.0.192",
        "192.0.0.255",
        "192.0.2.0",
        "192.0.2.255",
        "192.88.99.1",
        "192.168.0.0",
        "192.168.1.1",
        "192.168.255.255",
        "198.18.0.0",
        "198.19.255.255",
        "198.51.100.0",
        "198.51.100.255",
        "203.0.113.0",
        "203.0.113.255",
        "224.0.0.0",
        "239.255.255.255",
        "240.0.0.0",
        "254.1.2.3",
        "255.255.255.254",
        "255.255.255.255",
    ] {
        assert!(!is_public(address), "{address}");
    }
}

#[test]
fn their_neighbours_are_admitted() {
    for address in [
        "1.0.0.0",
        "1.1.1.1",
        "8.8.8.8",
        "9.255.255.255",
        "11.0.0.0",
        "100.63.255.255",
        "100.128.0.0",
        "126.255.255.255",
        "128.0.0.0",
        "168.63.129.15",
        "168.63.129.17",
        "169.253.255.255",
        "169.255.0.0",
        "172.15.255.255",
        "172.32.0.0",
        "191.255.255.255",
        "192.0.1.0",
        "192.0.1.255",
        "192.0.3.0",
        "192.88.98.255",
        "192.88.100.0",
        "192.167.255.255",
        "192.169.0.0",
        "198.17.255.255",
        "198.20.0.0",
        "198.51.99.255",
        "198.51.101.0",
        "203.0.112.255",
        "203.0.114.0",
        "223.255.255.255",
        "2000::",
        "2001:200::1",
        "2001:4860:4860::8888",
        "2001:db7:ffff::1",
        "2001:db9::1",
        "2003::1",
        "2606:4700:4700::1111",
        "2a00:1450:4001:82a::200e",
        "2a00:1450::5efe:1:2:3",
        "3ffe:ffff::1",
        "3fff:1000::1",
    ] {
        assert!(is_public(address), "{address}");
    }
}

#[test]
fn local_and_special_addresses_of_version_six_are_refused() {
    for address in [
        "::",
        "::1",
        "100::1",
        "1fff:ffff::1",
        "2001:2::1",
        "2001:10::1",
        "2001:1ff:ffff::1",
        "2001:db8::",
        "2001:db8:ffff:ffff:ffff:ffff:ffff:ffff",
        "3fff::1",
        "3fff:fff:ffff::1",
        "4000::1",
        "5f00::1",
        "fc00::",
        "fd00:ec2::254",
        "fdff:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
        "fe80::1",
        "febf:ffff::1",
        "fec0::1",
        "feff:ffff::1",
        "ff00::",
        "ff02::1",
        "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
    ] {
        assert!(!is_public(address), "{address}");
    }
}

#[test]
fn an_address_of_version_four_is_refused_in_every_disguise() {
    for address in [
        // Mapped.
        "::ffff:127.0.0.1",
        "::ffff:10.0.0.1",
        "::ffff:169.254.169.254",
        "::ffff:8.8.8.8",
        // Compatible.
        "::127.0.0.1",
        "::10.0.0.1",
        "::8.8.8.8",
        // Translated.
        "::ffff:0:127.0.0.1",
        // NAT64, well-known and local.
        "64:ff9b::127.0.0.1",
        "64:ff9b::169.254.169.254",
        "64:ff9b::8.8.8.8",
        "64:ff9b:1::10.0.0.1",
        "64:ff9b:1:ffff::10.0.0.1",
        // 6to4 of 127.0.0.1, 10.0.0.1 and 8.8.8.8.
        "2002:7f00:1::",
        "2002:a00:1::1",
        "2002:808:808::1",
        // Teredo.
        "2001::1",
        "2001:0:7f00:1::",
        "2001:0:ffff:ffff:ffff:ffff:ffff:ffff",
        // ISATAP.
        "2a00:1450:4001:82a:0:5efe:127.0.0.1",
        "2a00:1450:4001:82a:200:5efe:10.0.0.1",
        "fe80::5efe:10.0.0.1",
    ] {
        assert!(!is_public(address), "{address}");
    }
}

#[test]
fn anywhere_is_anywhere() {
    for address in ["127.0.0.1", "169.254.169.254", "::1", "8.8.8.8"] {
        assert!(
            Reach::Anywhere.admits(address.parse().unwrap()),
            "{address}"
        );
    }
}
