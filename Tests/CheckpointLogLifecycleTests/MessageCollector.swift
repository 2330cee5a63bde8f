#if Lifecycle
import CheckpointLog
import Logging

/// A log handler that keeps `level: message` of everything, for tests.
struct MessageCollector: LogHandler {
    let messages: CollectedMessages
    var metadata: Logger.Metadata = [:]
    var logLevel: Logger.Level = .trace

    subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { metadata[key] }
        set { metadata[key] = newValue }
    }

    func log(event: LogEvent) {
        messages.append("\(event.level): \(event.message)")
    }
}

/// What was logged: all of it so far, and as it comes.
final class CollectedMessages: Sendable {
    private let texts = Lock<[String]>([])
    private let (stream, continuation) = AsyncStream<String>.makeStream()

    var all: [String] { texts.withLock { $0 } }

    func append(_ text: String) {
        texts.withLock { $0.append(text) }
        continuation.yield(text)
    }

    /// Returns once `text` was logged; one caller at a time.
    func wait(for text: String) async {
        for await next in stream where next == text { return }
    }
}
#endif
