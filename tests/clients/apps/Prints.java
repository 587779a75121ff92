import java.util.Collection;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.config.ConfigDef;
import org.apache.kafka.connect.connector.Task;
import org.apache.kafka.connect.sink.SinkConnector;
import org.apache.kafka.connect.sink.SinkRecord;
import org.apache.kafka.connect.sink.SinkTask;

/** A sink connector whose tasks print what they read. */
public final class Prints extends SinkConnector {
    private Map<String, String> settings;

    @Override
    public void start(Map<String, String> given) {
        settings = given;
    }

    @Override
    public List<Map<String, String>> taskConfigs(int most) {
        return Collections.nCopies(most, settings);
    }

    @Override
    public Class<? extends Task> taskClass() {
        return Printing.class;
    }

    @Override
    public ConfigDef config() {
        return new ConfigDef();
    }

    @Override
    public void stop() {
    }

    @Override
    public String version() {
        return "1";
    }

    /** A member of the group `connect-NAME`. */
    public static final class Printing extends SinkTask {
        @Override
        public void start(Map<String, String> given) {
        }

        @Override
        public void open(Collection<TopicPartition> partitions) {
            partitions.forEach(partition -> Lines.added(partition.topic(), partition.partition()));
        }

        @Override
        public void put(Collection<SinkRecord> records) {
            records.forEach(record -> Lines.record(
                    record.topic(), record.kafkaPartition(), record.kafkaOffset(), record.value()));
        }

        @Override
        public void close(Collection<TopicPartition> partitions) {
            partitions.forEach(partition -> Lines.removed(partition.topic(), partition.partition()));
        }

        @Override
        public void stop() {
        }

        @Override
        public String version() {
            return "1";
        }
    }
}
