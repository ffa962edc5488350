//! The traits of types that travel beside the bytes.

/// `Debug` and Serde's traits for a type that travels as the wire form of its field: that has `wire` and `from_wire`, and `Self::new`
/// makes the whole from it. `$what` names the type in errors, with its article.
macro_rules! travels {
    ($name:ident $(<$($param:ident),+>)?, $field:ident: $inner:ty, $what:literal) => {
        impl $(<$($param),+>)? std::fmt::Debug for $name $(<$($param),+>)? {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.debug_struct(stringify!($name)).finish_non_exhaustive()
            }
        }

        impl $(<$($param),+>)? serde::Serialize for $name $(<$($param),+>)? {
            fn serialize<S_: serde::Serializer>(&self, serializer: S_) -> Result<S_::Ok, S_::Error> {
                self.$field.wire($what).map_err(serde::ser::Error::custom)?.serialize(serializer)
            }
        }

        impl<'de, $($($param),+)?> serde::Deserialize<'de> for $name $(<$($param),+>)? {
            fn deserialize<D_: serde::Deserializer<'de>>(deserializer: D_) -> Result<Self, D_::Error> {
                let wire = serde::Deserialize::deserialize(deserializer)?;
                <$inner>::from_wire($what, wire).map(Self::new).map_err(serde::de::Error::custom)
            }
        }
    };
}
pub(crate) use travels;
