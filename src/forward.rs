//! Implementations of the ports for `Arc<T>` and `Box<T>`.

/// Implements a port for `Arc<T>` and `Box<T>` by calling the same method of `T`.
///
/// Pass all methods of the port, as the trait declares them. Clippy reports an omitted method as an
/// error: a default method would silently replace the one of `T`.
macro_rules! forward {
    ($port:ident $methods:tt) => {
        forward! { std::sync::Arc<T>, $port $methods }
        forward! { std::boxed::Box<T>, $port $methods }
    };
    ($pointer:ty, $port:ident { $(
        async fn $method:ident(&self $(, $argument:ident: $type:ty)* $(,)?) -> $answer:ty;
    )+ }) => {
        #[async_trait::async_trait]
        #[deny(clippy::missing_trait_methods)]
        impl<T: $port + ?Sized> $port for $pointer {
            $(async fn $method(&self $(, $argument: $type)*) -> $answer {
                T::$method(self $(, $argument)*).await
            })+
        }
    };
}
