import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import org.apache.kafka.common.config.ConfigDef;
import org.apache.kafka.connect.connector.Task;
import org.apache.kafka.connect.data.Schema;
import org.apache.kafka.connect.source.SourceConnector;
import org.apache.kafka.connect.source.SourceRecord;
import org.apache.kafka.connect.source.SourceTask;

/**
 * A source connector whose tasks count, each into a partition of its own: `TASK/NUMBER/START`. START is the
 * number with which this run of the task began, so that all records differ.
 */
public final class Counts extends SourceConnector {
    static final String TASK = "task";
    static final String TOPIC = "topic";
    private static final long PAUSE_MS = 100;

    private String topic;

    @Override
    public void start(Map<String, String> settings) {
        topic = settings.get(TOPIC);
    }

    @Override
    public List<Map<String, String>> taskConfigs(int most) {
        return IntStream.range(0, most)
                .mapToObj(task -> Map.of(TASK, String.valueOf(task), TOPIC, topic))
                .collect(Collectors.toList());
    }

    @Override
    public Class<? extends Task> taskClass() {
        return Counting.class;
    }

    @Override
    public ConfigDef config() {
        return new ConfigDef().define(TOPIC, ConfigDef.Type.STRING, ConfigDef.Importance.HIGH, "where to");
    }

    @Override
    public void stop() {
    }

    @Override
    public String version() {
        return "1";
    }

    /** Prints when it starts and stops: it may run on one worker only. */
    public static final class Counting extends SourceTask {
        private static final String NUMBER = "number";

        private int task;
        private String topic;
        private long first;
        private long next;

        @Override
        public void start(Map<String, String> settings) {
            task = Integer.parseInt(settings.get(TASK));
            topic = settings.get(TOPIC);
            var stored = context.offsetStorageReader().offset(source());
            next = stored == null ? 0 : (long) stored.get(NUMBER) + 1;
            first = next;
            Lines.say("started " + task + " " + first);
        }

        @Override
        public List<SourceRecord> poll() throws InterruptedException {
            Thread.sleep(PAUSE_MS);
            long number = next++;
            String value = task + "/" + number + "/" + first;
            return List.of(new SourceRecord(
                    source(), Map.of(NUMBER, number), topic, task, null, null, Schema.STRING_SCHEMA, value));
        }

        @Override
        public void stop() {
            Lines.say("stopped " + task);
        }

        @Override
        public String version() {
            return "1";
        }

        private Map<String, Integer> source() {
            return Map.of(TASK, task);
        }
    }
}
