//! A namespace.

use std::any::type_name;

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::error::ManagerError;
use super::handle::{Handle, handle, odd};
use super::protocol::{Op, Place, Raw, Reply};

handle! {
    /// Named values that processes share; each name can have a value of another type.
    ///
    /// A value must be read as the type with which it was set; otherwise the error names both types.
    ///
    /// ```
    /// use executor::Manager;
    ///
    /// let manager = Manager::new()?;
    /// let settings = manager.namespace()?;
    /// settings.set("name", "crawler".to_owned())?;
    /// settings.set("depth", 3_u32)?;
    /// assert_eq!(settings.get::<u32>("depth")?, Some(3));
    /// let error = settings.get::<u32>("name").unwrap_err();
    /// assert_eq!(error.to_string(), "`name` is a `alloc::string::String`, not a `u32`; read it as the type with which it was set");
    /// assert!(settings.remove("name")?);
    /// assert_eq!(settings.names()?, ["depth"]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    Namespace, "a `Namespace`"
}

/// Behind the name of a type.
const END: u8 = 0;

impl Namespace {
    /// Returns the value of a name, or `None` if there is none.
    ///
    /// # Errors
    ///
    /// If the value has another type or cannot be decoded, or the manager is gone.
    pub fn get<T: Serialize + DeserializeOwned>(&self, name: &str) -> Result<Option<T>, ManagerError> {
        let answer = self.handle.ask(Op::Get(at(name)))?;
        match answer.reply()? {
            Reply::Value(value) => value.map(|value| typed(&self.handle, name, value)).transpose(),
            _ => Err(odd()),
        }
    }

    /// Sets the value of a name. The old value may have another type.
    ///
    /// # Errors
    ///
    /// If the value cannot be encoded, or the manager is gone.
    pub fn set<T: Serialize + DeserializeOwned>(&self, name: &str, value: T) -> Result<(), ManagerError> {
        let mut bytes = type_name::<T>().as_bytes().to_vec();
        bytes.push(END);
        bytes.append(&mut self.handle.encode(&value)?);
        self.handle.ask(Op::Put(at(name), Raw(&bytes)))?.reply().map(drop)
    }

    /// Removes a name and its value. Returns false if there was none.
    ///
    /// # Errors
    ///
    /// If the manager is gone.
    pub fn remove(&self, name: &str) -> Result<bool, ManagerError> {
        self.handle.has(Op::Remove(at(name)))
    }

    /// Returns all names at one moment, in alphabetical order.
    ///
    /// # Errors
    ///
    /// If the manager is gone.
    pub fn names(&self) -> Result<Vec<String>, ManagerError> {
        let mut names = self.handle.pairs(|_, name, _| Ok(String::from_utf8_lossy(name.0).into_owned()))?;
        names.sort_unstable();
        Ok(names)
    }
}

fn at(name: &str) -> Place<'_> {
    Place::Key(Raw(name.as_bytes()))
}

fn typed<T: DeserializeOwned>(handle: &Handle, name: &str, value: Raw<'_>) -> Result<T, ManagerError> {
    let mut parts = value.0.splitn(2, |byte| *byte == END);
    let (of, bytes) = parts.next().zip(parts.next()).ok_or_else(odd)?;
    if of != type_name::<T>().as_bytes() {
        let of = String::from_utf8_lossy(of);
        return Err(ManagerError::Codec(format!(
            "`{name}` is a `{of}`, not a `{}`; read it as the type with which it was set",
            type_name::<T>()
        )));
    }
    handle.decode(Raw(bytes))
}
