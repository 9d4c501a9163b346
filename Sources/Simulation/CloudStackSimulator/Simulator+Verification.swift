import CloudStackModel

/// Who calls, and whether it may.
extension Simulator {
    /// The commands that only administrators have by their default role.
    private static let administratorsOnly: Set<String> = ["listHosts"]

    /// The order of checks of `ApiServer.verifyRequest`; every silent failure has the same text.
    func verify(_ call: APICall) -> Result<Account, APIError> {
        guard !call.command.isEmpty else { return .failure(Self.refusal(under: "null")) }
        let envelope = call.command.lowercased() + "response"
        let refused = Result<Account, APIError>.failure(Self.refusal(under: envelope))
        guard CloudWorld.isCommand(call.command) else { return .failure(Self.refusal(under: "errorresponse")) }
        if world.enforcesPostAndTimestamps, call.method != "POST", CloudWorld.mutations.contains(call.command) {
            // The code is CloudStack's (`METHOD_NOT_ALLOWED`, since pull request 10899); the text is not known to be.
            return .failure(
                APIError(
                    code: 405, cloudStackCode: nil,
                    text: "State changing command \(call.command) needs to be sent using POST request",
                    envelope: envelope))
        }
        if world.strike(.unauthorized, command: call.command, volume: call.volume) != nil { return refused }
        guard let signature = call.value("signature"), let key = call.value("apikey") else { return refused }
        guard isInTime(call) else { return refused }
        guard let account = world.account(key: key), account.isEnabled else { return refused }
        // These come before the signature is compared.
        if !account.isRoot, Self.administratorsOnly.contains(call.command) {
            return .failure(
                APIError(
                    code: 401, cloudStackCode: 9999,
                    text: "The given command '\(call.command)' either does not exist, is not available for user.",
                    envelope: envelope))
        }
        if let fault = world.strike(.throttle, command: call.command, volume: call.volume) {
            return .failure(
                APIError(
                    code: 429, cloudStackCode: 9999,
                    text: "The given user has reached his/her account api limit, please retry after "
                        + "[\(fault.milliseconds ?? 1_000)] ms.", envelope: envelope))
        }
        guard !account.secretKey.isEmpty,
            RequestSignature.isValid(signature, of: call.raw, secret: account.secretKey)
        else { return refused }
        return .success(account)
    }

    private static func refusal(under envelope: String) -> APIError {
        APIError(
            code: 401, cloudStackCode: nil, text: "unable to verify user credentials and/or request signature",
            envelope: envelope)
    }

    /// Requests of signature version 3 expire; where it is enforced, all must be of it, and expire within 15 minutes.
    private func isInTime(_ call: APICall) -> Bool {
        let isEnforced = world.enforcesPostAndTimestamps
        guard call.value("signatureversion") == "3" else { return !isEnforced }
        guard let expires = call.value("expires").flatMap(ExpiryDate.milliseconds), expires >= now else { return false }
        return !isEnforced || expires <= now + 15 * 60_000
    }
}
