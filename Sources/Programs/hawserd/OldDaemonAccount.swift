import CloudStack
import LegacyDaemon
import Reconciliation
import Systemd
import VolumeModel

/// Has the active row of the old daemon's `ossea_configs` say where CloudStack is and with which keys.
///
/// A row that has changed is taken only when it is this appliance's and CloudStack, asked with it, knows the appliance: another
/// CloudStack's lists would look as if every volume were gone.
struct OldDaemonAccount {
    let database: LegacyDatabase
    let here: MachineID
    let cloud: CloudStackService
    /// All but the account.
    let configuration: CloudStackConfiguration
    let encryptionKey: LegacySecret?

    /// Reads the row, and takes it unless it is the one that is used.
    ///
    /// - Parameter used: nil when there is none yet.
    /// - Returns: what is used now.
    @discardableResult
    func take(insteadOf used: LegacyCredentials? = nil) async throws -> LegacyCredentials {
        let row = try await database.activeConfig()
        let found = try LegacyCredentials(row, encryptionKey: encryptionKey)
        guard found != used else { return found }
        guard MachineID(row.machine) == here else {
            throw LegacyError("oma_vm_id of the active ossea_configs row is not \(here), which is this appliance")
        }
        var trial = configuration
        trial.endpoint = found.endpoint
        trial.apiKey = found.apiKey.text
        trial.secretKey = found.secretKey.text
        // What cannot be asked is refused with CloudStack's own words.
        guard case .found = try await CloudStackService(trial).readMachine(here) else {
            throw LegacyError(
                "CloudStack at \(found.endpoint), asked with the keys of ossea_configs, does not know this appliance")
        }
        cloud.use(
            CloudStackAccount(
                endpoint: found.endpoint, apiKey: found.apiKey.text, secretKey: found.secretKey.text))
        return found
    }

    /// Until the task is cancelled.
    func run(_ log: Log) async {
        var used: LegacyCredentials? = LegacyCredentials(
            endpoint: configuration.endpoint, apiKey: LegacySecret(configuration.apiKey),
            secretKey: LegacySecret(configuration.secretKey))
        var trouble: String?
        while !Task.isCancelled {
            do {
                let found = try await take(insteadOf: used)
                if found != used {
                    log.write(.notice, "CloudStack's keys are those of ossea_configs", ["endpoint": found.endpoint])
                }
                used = found
                trouble = nil
            } catch {
                let text = "\(error)"
                if trouble != text, !Task.isCancelled {
                    log.write(.warning, "CloudStack's keys stay as they are", ["because": text])
                }
                trouble = text
            }
            // A cancelled sleep ends the loop.
            try? await Task.sleep(for: .seconds(5))
        }
    }
}
