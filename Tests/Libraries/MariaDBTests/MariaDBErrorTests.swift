@testable import MariaDB
import SQL
import Testing

@Suite struct MariaDBErrorTests {
    @Test(arguments: [
        (1062, "23000", SQLError.Kind.constraint), (1452, "23000", .constraint), (4025, "23000", .constraint),
        (3819, "HY000", .constraint), (1048, "23000", .constraint), (1264, "22003", .constraint),
        (1406, "22001", .constraint), (1364, "HY000", .constraint), (1366, "HY000", .constraint),
        (1644, "45000", .constraint), (1213, "40001", .lostRace), (1205, "HY000", .lostRace),
        (1020, "HY000", .lostRace), (1180, "HY000", .lostRace), (2002, "HY000", .disconnected),
        (2006, "HY000", .disconnected), (2013, "HY000", .disconnected), (1047, "08S01", .disconnected),
        (1053, "08S01", .disconnected), (1927, "70100", .disconnected), (1040, "08004", .disconnected),
        (1129, "HY000", .disconnected), (1064, "42000", .other), (1146, "42S02", .other), (1317, "70100", .other),
        (1969, "70100", .other),
    ])
    func `each number has its kind`(_ number: UInt32, _ state: String, _ kind: SQLError.Kind) {
        #expect(MariaDBError.kind(number, state: state) == kind)
    }

    @Test(arguments: [
        (1062, "Duplicate entry 'hunter2-x' for key 'PRIMARY'", "Duplicate entry for key 'PRIMARY'"),
        (1062, "Duplicate entry 'hunter2' for key '' for key 'name'", "Duplicate entry for key 'name'"),
        (
            1366, "Incorrect integer value: 'hunter2' for column `d`.`t`.`c` at row 1",
            "Incorrect integer value: '…' for column `d`.`t`.`c` at row 1"
        ),
        (1292, "Truncated incorrect DOUBLE value: 'it's hunter2'", "Truncated incorrect DOUBLE value: '…'"),
        (1305, "FUNCTION 'hunter2' does not exist", "FUNCTION '…' does not exist"),
        (1644, "volume hunter2 is exported", "volume hunter2 is exported"),
    ])
    func `the server's words lose the values they quote, a trigger's do not`(
        _ number: UInt32, _ said: String, _ told: String
    ) {
        #expect(MariaDBError.message(said, number: number, values: [.text("hunter2")]) == told)
    }
}
