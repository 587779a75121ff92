/**
 * The lines that the programs of this folder print, one write per line: all of a group share a pipe. Partitions
 * are added and removed one by one, with the tasks that own them.
 */
final class Lines {
    /** Set by the starter of the program. */
    static final String CLIENT_ID = System.getenv("CLIENT_ID");

    private Lines() {
    }

    static void added(String topic, int partition) {
        say("added " + topic + "-" + partition);
    }

    static void removed(String topic, int partition) {
        say("removed " + topic + "-" + partition);
    }

    static void record(String topic, int partition, long offset, Object value) {
        say("record " + topic + "-" + partition + " " + offset + " " + value);
    }

    static synchronized void say(String line) {
        System.out.print(CLIENT_ID + " " + line + "\n");
        System.out.flush();
    }
}
