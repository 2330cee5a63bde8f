/// The command-line tools of the project, as they were built.
struct Tools {
    let folder: String

    var verifier: String { "\(folder)/log-verify" }

    /// Where a log is, and how to look into it.
    func invitation(to log: String) -> String {
        """
          the log          \(log)
          is it sound      \(verifier) --level deep \(log)
          what is in it    \(folder)/checkpoint-log list \(log)
        """
    }
}
