//! Certificates and key pairs, made anew for each test.

use std::fs;
use std::path::PathBuf;

use executor_testkit::contract::tools::Directory;
use rcgen::{BasicConstraints, CertificateParams, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair};

/// An authority, and what it has signed for a server on the loopback and for a client, as PEM files.
pub(crate) struct Certificates(Directory);

impl Certificates {
    pub(crate) fn new() -> Self {
        let made = Self(Directory::new());
        let authority_key = KeyPair::generate().expect("a key");
        let mut authority = CertificateParams::default();
        authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let certificate = authority.self_signed(&authority_key).expect("a certificate");
        made.write("ca.pem", &certificate.pem());
        let issuer = Issuer::from_params(&authority, &authority_key);
        let purposes = [ExtendedKeyUsagePurpose::ServerAuth, ExtendedKeyUsagePurpose::ClientAuth];
        for (name, purpose) in ["server", "client"].into_iter().zip(purposes) {
            let key = KeyPair::generate().expect("a key");
            let names = ["localhost", "127.0.0.1"].map(str::to_owned);
            let mut params = CertificateParams::new(names).expect("names and addresses");
            params.extended_key_usages = vec![purpose];
            let certificate = params.signed_by(&key, &issuer).expect("a certificate");
            made.write(&format!("{name}.pem"), &certificate.pem());
            made.write(&format!("{name}-key.pem"), &key.serialize_pem());
        }
        made
    }

    fn write(&self, name: &str, text: &str) {
        fs::write(self.path(name), text).expect("a file in a directory of our own");
    }

    /// One of `ca.pem`, `server.pem`, `server-key.pem`, `client.pem` and `client-key.pem`.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// The part of a server's configuration that turns TLS on. With `verify`, clients need a certificate too.
    pub(crate) fn config(&self, verify: bool) -> String {
        let path = |name| self.path(name).display().to_string();
        format!(
            "tls {{ cert_file: \"{}\", key_file: \"{}\", ca_file: \"{}\", verify: {verify} }}\n",
            path("server.pem"),
            path("server-key.pem"),
            path("ca.pem")
        )
    }
}

/// The key pair of a user.
pub(crate) struct UserKey(nkeys::KeyPair);

impl UserKey {
    pub(crate) fn new() -> Self {
        Self(nkeys::KeyPair::new_user())
    }

    /// For the server's configuration.
    pub(crate) fn public(&self) -> String {
        self.0.public_key()
    }

    /// For the client.
    pub(crate) fn seed(&self) -> String {
        self.0.seed().expect("a new pair has its seed")
    }
}
