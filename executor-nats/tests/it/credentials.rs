//! How programs prove to the server who they are.

use executor::call;
use executor_nats::{ConnectError, Connection, Namespace, NatsExecutor};

use crate::support::hosts::{LONG_LEASE, host, square};
use crate::support::keys::{Certificates, UserKey};
use crate::support::servers::Server;

/// A job runs over a connection like this one.
#[track_caller]
fn works(connection: &Connection) {
    let namespace = Namespace::new("secret").lease(LONG_LEASE);
    let executor = NatsExecutor::connect(connection.clone(), namespace.clone()).expect("the credentials are right");
    let _host = host(connection.clone(), &namespace, 1);
    assert_eq!(executor.submit(call!(square(9))).result().unwrap(), 81);
}

/// The server refuses the connection. No secret is in the report.
#[track_caller]
fn fails(connection: &Connection, secret: &str) {
    let error = NatsExecutor::connect(connection.clone(), "secret").expect_err("the credentials are wrong");
    assert!(matches!(error, ConnectError::Server(_)), "{error:?}");
    for text in [format!("{error}"), format!("{error:?}"), format!("{connection:?}")] {
        assert!(!text.contains(secret), "{text}");
    }
}

#[test]
fn user_and_password_in_url_or_options() {
    let config = "authorization { users: [{ user: worker, password: \"pass/w@rd%\" }] }";
    let server = Server::options().config(config).start();
    works(&Connection::to(server.url_as("worker:pass%2Fw%40rd%25")));
    works(&Connection::to(server.url()).user("worker", "pass/w@rd%"));
    fails(&Connection::to(server.url_as("worker:wrong-one")), "wrong-one");
    fails(&Connection::to(server.url()).user("worker", "wrong-one"), "wrong-one");
    fails(&Connection::to(server.url()), "pass/w@rd%");
}

#[test]
fn token_in_url_or_options() {
    let server = Server::options().config("authorization { token: \"to-ken\" }").start();
    works(&Connection::to(server.url_as("to-ken")));
    works(&Connection::to(server.url()).token("to-ken"));
    fails(&Connection::to(server.url()).token("wrong-one"), "wrong-one");
}

#[test]
fn nkey_of_a_user() {
    let (key, other) = (UserKey::new(), UserKey::new());
    let config = format!("authorization {{ users: [{{ nkey: {} }}] }}", key.public());
    let server = Server::options().config(config).start();
    works(&Connection::to(server.url()).nkey(key.seed()));
    fails(&Connection::to(server.url()).nkey(other.seed()), &other.seed());
    let error = NatsExecutor::connect(Connection::to(server.url()).nkey("no seed"), "secret").expect_err("no seed");
    assert!(!error.to_string().contains("no seed"), "{error}");
}

#[test]
fn tls_with_an_own_authority() {
    let certificates = Certificates::new();
    let server = Server::options().config(certificates.config(false)).start();
    works(&Connection::to(server.tls_url()).root_certificate(certificates.path("ca.pem")));
    // Nothing makes this authority known.
    fails(&Connection::to(server.tls_url()), "BEGIN");
    let others = Certificates::new();
    fails(&Connection::to(server.tls_url()).root_certificate(others.path("ca.pem")), "BEGIN");
}

#[test]
fn tls_with_a_client_certificate() {
    let certificates = Certificates::new();
    let server = Server::options().config(certificates.config(true)).start();
    let connection = Connection::to(server.tls_url()).root_certificate(certificates.path("ca.pem"));
    works(&connection.clone().client_certificate(certificates.path("client.pem"), certificates.path("client-key.pem")));
    fails(&connection, "BEGIN");
}

#[test]
fn missing_credentials_file_is_reported() {
    let server = Server::start();
    let connection = Connection::to(server.url()).credentials_file("/no/such/file");
    let error = NatsExecutor::connect(connection, "secret").expect_err("there is no file");
    assert!(matches!(error, ConnectError::System(_)), "{error:?}");
}
