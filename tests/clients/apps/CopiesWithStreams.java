import java.time.Duration;
import java.util.Map;
import java.util.Properties;
import org.apache.kafka.clients.consumer.ConsumerConfig;
import org.apache.kafka.common.serialization.Serdes;
import org.apache.kafka.streams.CloseOptions;
import org.apache.kafka.streams.CloseOptions.GroupMembershipOperation;
import org.apache.kafka.streams.KafkaStreams;
import org.apache.kafka.streams.StreamsBuilder;
import org.apache.kafka.streams.StreamsConfig;
import org.apache.kafka.streams.Topology;
import org.apache.kafka.streams.kstream.Consumed;
import org.apache.kafka.streams.kstream.Produced;
import org.apache.kafka.streams.processor.api.ContextualProcessor;
import org.apache.kafka.streams.processor.api.ProcessorContext;
import org.apache.kafka.streams.processor.api.Record;

/**
 * A Kafka Streams application without state: copies one topic to another, and gives each record the
 * partition that it came from as its key. Takes the arguments of the consumers, the topic to copy to
 * (--copy) and a folder (--state-dir). A task owns the partition of its number from when its processor
 * is initialized until that is closed.
 */
final class CopiesWithStreams {
    public static void main(String[] args) {
        var settings = new Properties();
        for (int i = 0; i + 1 < args.length; i += 2) {
            settings.put(args[i].replaceFirst("^--", ""), args[i + 1]);
        }
        var streams = new KafkaStreams(topology(settings), configuration(settings));
        streams.setUncaughtExceptionHandler(error -> {
            System.err.println(Lines.CLIENT_ID + ": " + error);
            Runtime.getRuntime().halt(1);
            return null;
        });
        Runtime.getRuntime().addShutdownHook(new Thread(() -> {
            // Without this a member of the classic protocol stays until its session expires.
            var leave = CloseOptions.groupMembershipOperation(GroupMembershipOperation.LEAVE_GROUP);
            if (streams.close(leave.withTimeout(Duration.ofSeconds(20)))) {
                Lines.say("closed");
            }
        }));
        streams.start();
    }

    private static Topology topology(Properties settings) {
        var builder = new StreamsBuilder();
        String topic = settings.getProperty("topic");
        builder.stream(topic, Consumed.with(Serdes.String(), Serdes.String()))
                .process(() -> new Copy(topic))
                .to(settings.getProperty("copy"), Produced.with(Serdes.String(), Serdes.String()));
        return builder.build();
    }

    private static Properties configuration(Properties settings) {
        var properties = new Properties();
        properties.putAll(Map.of(
                StreamsConfig.BOOTSTRAP_SERVERS_CONFIG, settings.getProperty("bootstrap"),
                StreamsConfig.APPLICATION_ID_CONFIG, settings.getProperty("group"),
                StreamsConfig.CLIENT_ID_CONFIG, Lines.CLIENT_ID,
                StreamsConfig.GROUP_PROTOCOL_CONFIG, "classic",
                StreamsConfig.STATE_DIR_CONFIG, settings.getProperty("state-dir") + "/" + Lines.CLIENT_ID,
                StreamsConfig.COMMIT_INTERVAL_MS_CONFIG, "500",
                ConsumerConfig.SESSION_TIMEOUT_MS_CONFIG, settings.getProperty("session-ms"),
                ConsumerConfig.HEARTBEAT_INTERVAL_MS_CONFIG, settings.getProperty("heartbeat-ms"),
                StreamsConfig.mainConsumerPrefix(ConsumerConfig.INTERCEPTOR_CLASSES_CONFIG), Commits.class.getName()));
        return properties;
    }

    /** The only step of a task. */
    private static final class Copy extends ContextualProcessor<String, String, String, String> {
        private final String topic;

        Copy(String topic) {
            this.topic = topic;
        }

        @Override
        public void init(ProcessorContext<String, String> context) {
            super.init(context);
            Lines.added(topic, context.taskId().partition());
        }

        @Override
        public void process(Record<String, String> record) {
            var from = context().recordMetadata().orElseThrow();
            Lines.record(from.topic(), from.partition(), from.offset(), record.value());
            context().forward(record.withKey(from.topic() + "-" + from.partition()));
        }

        @Override
        public void close() {
            Lines.removed(topic, context().taskId().partition());
        }
    }
}
