import Crypto
import Testing

@Suite struct SealedBytesTests {
    private static func bytes(_ hex: String) -> [UInt8] {
        let digits = hex.compactMap { $0.hexDigitValue.map { UInt8($0) } }
        return stride(from: 0, to: digits.count, by: 2).map { digits[$0] << 4 | digits[$0 + 1] }
    }

    /// Test cases 13, 14 and 15 of the GCM specification (McGrew and Viega, "The Galois/Counter Mode of Operation", appendix B).
    private static let known: [(key: String, nonce: String, plain: String, sealed: String)] = [
        (
            String(repeating: "00", count: 32), String(repeating: "00", count: 12), "",
            "530f8afbc74536b9a963b4f1c4cb738b"
        ),
        (
            String(repeating: "00", count: 32), String(repeating: "00", count: 12), String(repeating: "00", count: 16),
            "cea7403d4d606b6e074ec5d3baf39d18" + "d0d1c8a799996bf0265b98b5d48ab919"
        ),
        (
            "feffe9928665731c6d6a8f9467308308feffe9928665731c6d6a8f9467308308", "cafebabefacedbaddecaf888",
            "d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a721c3c0c95956809532fcf0e2449a6b525b16aedf5aa0de657ba637b391aafd255",
            "522dc1f099567d07f47f37a32a84427d643a8cdcbfe5c0c97598a2bd2555d1aa8cb08e48590dbb3da7b08b1056828838c5f61e6393ba7a0abcc9f662898015ad"
                + "b094dac5d93471bdec1a502270e3cc6c"
        ),
    ]

    @Test(arguments: 0..<3) func `AES-256-GCM gives the answers of its specification`(index: Int) {
        let known = Self.known[index]
        let key = Self.bytes(known.key)
        let sealed = Self.bytes(known.nonce) + Self.bytes(known.sealed)
        #expect(SealedBytes.seal(Self.bytes(known.plain), key: key, nonce: Self.bytes(known.nonce)) == sealed)
        #expect(SealedBytes.open(sealed, key: key) == Self.bytes(known.plain))
    }

    @Test func `what was changed, cut or sealed with another key is not opened`() {
        let key = [UInt8](repeating: 7, count: 32)
        let sealed = SealedBytes.seal(Array("a key".utf8), key: key)
        #expect(SealedBytes.open(sealed, key: key) == Array("a key".utf8))
        for position in sealed.indices {
            var changed = sealed
            changed[position] ^= 1
            #expect(SealedBytes.open(changed, key: key) == nil)
        }
        #expect(SealedBytes.open(sealed.dropLast(), key: key) == nil)
        #expect(SealedBytes.open([], key: key) == nil)
        #expect(SealedBytes.open(sealed, key: [UInt8](repeating: 8, count: 32)) == nil)
        #expect(SealedBytes.open(sealed, key: [1, 2, 3]) == nil)
        #expect(SealedBytes.seal([], key: key) != SealedBytes.seal([], key: key), "a nonce is never used twice")
    }

    @Test(arguments: ["", "f", "fo", "foo", "foob", "fooba", "foobar"])
    func `Base64 is read as it is written`(plain: String) {
        #expect(Base64.decode(Base64.encode(Array(plain.utf8))) == Array(plain.utf8))
    }

    @Test(arguments: ["Zg", "Zg=", "Zh==", "Zm9=", "=Zg=", "Zm9v!A==", "Zg==Zg==", "====", "Zm9v\n"])
    func `what is no Base64 is refused`(text: String) {
        #expect(Base64.decode(text) == nil)
    }
}
