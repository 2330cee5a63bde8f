internal import CBOR

/// What the content of a frame must be, according to its kind and flags.
enum FrameContent {
    /// What is wrong with the content of a frame with a valid payload; nil if it is right.
    static func fault(_ header: FrameHeader, _ bytes: UnsafeRawBufferPointer) -> String? {
        let metadata = unsafe FrameView(header: header, offset: 0, bytes: bytes).metadata
        guard unsafe EncodedMetadata.metadata(in: Array(metadata)) != nil else {
            return "the metadata is no map of texts and numbers"
        }
        do {
            return unsafe try FrameDecoder.withContent(of: header, in: bytes) { content in
                switch header.kind {
                case .value where !header.flags.contains(.raw):
                    do throws(CBORError) {
                        unsafe try CBORValidation.check(content)
                    } catch {
                        return "the content is no CBOR: \(error)"
                    }
                case .reference:
                    guard header.compression == .none, unsafe ValueReference(Array(content)) != nil else {
                        return "the reference is not one"
                    }
                case .group:
                    guard unsafe GroupMembers(Array(content)) != nil else { return "the list of members is not one" }
                case .labels:
                    guard header.compression == .none, unsafe VersionLabels(Array(content)) != nil else {
                        return "the labels are none"
                    }
                case .mark:
                    guard unsafe ChildMark(Array(content)) != nil else { return "the mark is not one" }
                case .freed:
                    guard header.compression == .none, unsafe FreedValue(Array(content)) != nil else {
                        return "the freed value is not one"
                    }
                default: break
                }
                return nil
            }
        } catch let fault as FrameFault {
            return fault.rawValue
        } catch {
            return "\(error)"
        }
    }
}
