//! What an error of Redis means: that the connection is of no use any more, or that one value is. Pure; asks nobody. Never
//! passes on what a value holds.

use redis::{ErrorKind, RedisError, ServerErrorKind};

/// Letters of the server's words that are logged.
const WORDS_MAX: usize = 300;

/// A server that says one of these of a script is not able to serve, whatever the script asked for. Before version 7 Redis
/// tells them in the words of an error of the script.
const TROUBLES: [&str; 8] = [
    "CLUSTERDOWN",
    "LOADING",
    "MASTERDOWN",
    "MISCONF",
    "NOPERM",
    "NOREPLICAS",
    "OOM",
    "READONLY",
];

/// Whether the value that was asked for is to blame: it is of another type or shape than ours are. The connection is as good
/// as before, and so is every other value.
pub(super) fn is_of_the_value(error: &RedisError) -> bool {
    match error.kind() {
        ErrorKind::Parse | ErrorKind::UnexpectedReturnType => true,
        ErrorKind::Extension => error.code() == Some("WRONGTYPE"),
        ErrorKind::Server(ServerErrorKind::ResponseError) => {
            let said = error.detail().unwrap_or_default();
            !TROUBLES.iter().any(|trouble| said.contains(trouble))
        }
        _else => false,
    }
}

/// What the server or the system said, for the log alone: bounded, on one line, and without what it quotes.
pub(super) fn words(error: &RedisError) -> String {
    if matches!(
        error.kind(),
        ErrorKind::Parse | ErrorKind::UnexpectedReturnType
    ) {
        // The library quotes the value.
        return "the answer is not of the shape that was asked for".to_owned();
    }
    let said = error.to_string();
    // A server that does not know a command quotes what came with it.
    let said = said.split(", with args").next().unwrap_or_default();
    let plain = |letter: char| if letter.is_control() { ' ' } else { letter };
    said.chars().map(plain).take(WORDS_MAX).collect()
}

#[cfg(test)]
mod tests {
    use redis::{FromRedisValue, Value, make_extension_error};

    use super::*;

    #[test]
    fn one_bad_value_is_told_from_a_server_that_cannot_serve() {
        // As Redis 6 and 7 say it.
        let table = "
            value   WRONGTYPE   Operation against a key holding the wrong kind of value script: f1, on @user_script:2.
            value   ERR         user_script:7: attempt to perform arithmetic on a nil value script: f1, on @user_script:7.
            value   ERR         Error running script (call to f_1): @user_script:2: WRONGTYPE Operation against a key
            value   ERR         hash value is not an integer script: f1, on @user_script:13.
            server  ERR         Error running script (call to f_1): @user_script:9: -READONLY You can't write
            server  ERR         Error running script (call to f_1): @user_script:9: @user_script: 9: OOM command not
            server  READONLY    You can't write against a read only replica.
            server  LOADING     Redis is loading the dataset in memory
            server  MASTERDOWN  Link with MASTER is down
            server  MISCONF     Redis is configured to save RDB snapshots
            server  OOM         command not allowed when used memory > 'maxmemory'.
            server  NOPERM      User proxy has no permissions to run the 'evalsha' command
            server  NOAUTH      Authentication required.
            server  BUSY        Redis is busy running a script.";
        for line in table.trim().lines() {
            let (expected, said) = line.trim().split_once(' ').unwrap();
            let (code, detail) = said.trim().split_once(' ').unwrap();
            let error = said_by_the_server(code, detail.trim());
            assert_eq!(is_of_the_value(&error), expected == "value", "{line}");
        }
        let broken = std::io::Error::from(std::io::ErrorKind::ConnectionReset);
        assert!(!is_of_the_value(&RedisError::from(broken)));
    }

    /// An answer of Redis as it comes over the wire.
    fn said_by_the_server(code: &str, detail: &str) -> RedisError {
        let answer = redis::parse_redis_value(format!("-{code} {detail}\r\n").as_bytes());
        match answer.map(Value::extract_error) {
            Ok(Err(error)) | Err(error) => error,
            Ok(Ok(value)) => panic!("{value:?}"),
        }
    }

    #[test]
    fn what_a_value_holds_is_not_quoted_and_nothing_is_endless() {
        let value = Value::BulkString(b"s3cret".to_vec());
        let error = RedisError::from(u64::from_redis_value(value).unwrap_err());
        assert!(error.to_string().contains("s3cret"), "the library does");
        assert!(is_of_the_value(&error));
        assert!(!words(&error).contains("s3cret"));
        let quoting = "unknown command 'X', with args beginning with: 's3cret'".to_owned();
        let error = make_extension_error("ERR".to_owned(), Some(quoting));
        assert!(!words(&error).contains("s3cret"), "{}", words(&error));
        let endless = make_extension_error("X".to_owned(), Some("a\nb".repeat(1_000)));
        let said = words(&endless);
        assert_eq!(said.chars().count(), WORDS_MAX);
        assert!(!said.contains('\n'));
    }
}
