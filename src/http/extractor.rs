//! Handler arguments that are read from a request without its body.

/// Makes a type a handler argument. The type has a function `of(&HttpRequest) -> Result<Self, Problem>`.
macro_rules! extractor {
    ($name:ident $(<$parameter:ident: $bound:path>)?) => {
        impl $(<$parameter: $bound>)? actix_web::FromRequest for $name $(<$parameter>)? {
            type Error = $crate::http::problem::Problem;
            type Future = std::future::Ready<Result<Self, Self::Error>>;

            fn from_request(request: &actix_web::HttpRequest, _: &mut actix_web::dev::Payload) -> Self::Future {
                std::future::ready(Self::of(request))
            }
        }
    };
}

pub(super) use extractor;
