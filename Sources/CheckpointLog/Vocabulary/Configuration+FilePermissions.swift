extension Configuration {
    /// Who may read and write the files of a new log.
    public enum FilePermissions: Sendable, Hashable {
        /// Only the user who created it: the directory has mode 0700, files have 0600.
        case ownerOnly
        /// Whoever the umask of the creating process allows: modes 0777 and 0666 without the bits of the umask.
        case umask
    }
}
