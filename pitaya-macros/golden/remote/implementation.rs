impl shared::Scores for Board {
    async fn best(&self, req: Best) -> Result<Score> {}
}
const _: () = {
    const __TRAIT: &::pitaya::__private::remote::RemoteTrait = <Board as shared::Scores>::__MARKED_PITAYA_REMOTE;
    ::pitaya::__private::inventory::submit! {
        ::pitaya::__private::remote::RemoteEntry { type_name : ::core::any::type_name:: <
        Board >, name : __TRAIT.name, methods : __TRAIT.methods, location :
        ::pitaya::__private::Location { file : ::core::file!(), line : ::core::line!() },
        }
    }
};
