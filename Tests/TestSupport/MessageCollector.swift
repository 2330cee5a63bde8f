import CheckpointLog
package import Logging

/// A log handler that keeps `level: message` of everything, for tests.
package struct MessageCollector: LogHandler {
    private let messages: CollectedMessages
    package var metadata: Logger.Metadata = [:]
    package var logLevel: Logger.Level = .trace

    package init(messages: CollectedMessages) { self.messages = messages }

    package subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { metadata[key] }
        set { metadata[key] = newValue }
    }

    package func log(event: LogEvent) {
        messages.append("\(event.level): \(event.message)")
    }
}

/// What was logged: all of it so far, and as it comes.
package final class CollectedMessages: Sendable {
    private let texts = Lock<[String]>([])
    private let (stream, continuation) = AsyncStream<String>.makeStream()

    package init() {}

    package var all: [String] { texts.withLock { $0 } }

    /// A logger whose messages are collected here.
    package var logger: Logger { Logger(label: "test") { _ in MessageCollector(messages: self) } }

    fileprivate func append(_ text: String) {
        texts.withLock { $0.append(text) }
        continuation.yield(text)
    }

    /// Returns once `text` was logged; one caller at a time, who has each message once.
    package func wait(for text: String) async {
        for await next in stream where next == text { return }
    }
}
