//~ mismatched types
//~ closures can only be coerced to `fn` types if they do not capture any variables

#[derive(Clone, Copy)]
struct Token;

fn main() {
    let token = Token;
    let with_token = move |n: u32| {
        let Token = token;
        n
    };
    let _ = executor_core::call!(with_token, (7_u32,));
}
