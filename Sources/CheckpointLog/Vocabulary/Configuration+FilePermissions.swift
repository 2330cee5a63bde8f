extension Configuration {
    /// Who may read and write the files of a new log.
    public enum FilePermissions: Sendable, Hashable {
        /// The user who made it: directories have mode 0700, files 0600.
        case ownerOnly
        /// Whoever the umask of the process that makes it does not keep out: modes 0777 and 0666 without its bits.
        case umask
    }
}
