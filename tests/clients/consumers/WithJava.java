import java.time.Duration;
import java.util.Collection;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import java.util.TreeSet;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.apache.kafka.clients.consumer.ConsumerRebalanceListener;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.clients.consumer.RangeAssignor;
import org.apache.kafka.clients.consumer.RoundRobinAssignor;
import org.apache.kafka.common.KafkaException;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.errors.WakeupException;
import org.apache.kafka.common.serialization.StringDeserializer;

/**
 * A consumer of Apache Kafka's own client, with the classic protocol: commits after every batch of
 * a partition. Takes the arguments and prints the lines that common.py describes.
 */
final class WithJava implements ConsumerRebalanceListener {
    private static final Map<String, Class<?>> ASSIGNORS =
            Map.of("range", RangeAssignor.class, "roundrobin", RoundRobinAssignor.class);

    private final String clientId;
    private final String topic;
    private final KafkaConsumer<String, String> consumer;

    private WithJava(String[] args) {
        var settings = new Properties();
        settings.putAll(Map.of("session-ms", "6000", "heartbeat-ms", "1000", "assignor", "roundrobin"));
        for (int i = 0; i + 1 < args.length; i += 2) {
            settings.put(args[i].replaceFirst("^--", ""), args[i + 1]);
        }
        clientId = settings.getProperty("client-id");
        topic = settings.getProperty("topic");
        var assignors = Stream.of(settings.getProperty("assignor").split(","))
                .map(name -> ASSIGNORS.get(name).getName());
        var properties = new Properties();
        properties.putAll(Map.of(
                "bootstrap.servers", settings.getProperty("bootstrap"),
                "group.id", settings.getProperty("group"),
                "client.id", clientId,
                "group.protocol", "classic",
                "session.timeout.ms", settings.getProperty("session-ms"),
                "heartbeat.interval.ms", settings.getProperty("heartbeat-ms"),
                "partition.assignment.strategy", assignors.collect(Collectors.joining(",")),
                "auto.offset.reset", "earliest",
                "enable.auto.commit", "false",
                "max.poll.records", "20"));
        consumer = new KafkaConsumer<>(properties, new StringDeserializer(), new StringDeserializer());
    }

    public static void main(String[] args) {
        var program = new WithJava(args);
        try {
            program.run();
        } catch (KafkaException error) {
            System.err.println(program.clientId + ": " + error);
            // exit would run the shutdown hook, which waits for this thread.
            Runtime.getRuntime().halt(1);
        }
    }

    private void run() {
        // Subscribing waits for a broker forever; this call does not.
        consumer.partitionsFor(topic, Duration.ofSeconds(10));
        var main = Thread.currentThread();
        Runtime.getRuntime().addShutdownHook(new Thread(() -> {
            consumer.wakeup();
            try {
                main.join();
            } catch (InterruptedException ended) {
                Thread.currentThread().interrupt();
            }
        }));
        consumer.subscribe(List.of(topic), this);
        try {
            while (true) {
                var records = consumer.poll(Duration.ofMillis(200));
                records.partitions().forEach(partition -> process(partition, records.records(partition)));
            }
        } catch (WakeupException asked) {
            consumer.close();
            say("closed");
        }
    }

    private void process(TopicPartition partition, List<ConsumerRecord<String, String>> records) {
        records.forEach(record -> say("record " + partition + " " + record.offset() + " " + record.value()));
        long after = records.get(records.size() - 1).offset() + 1;
        try {
            consumer.commitSync(Map.of(partition, new OffsetAndMetadata(after)));
            say("committed " + partition + " " + after);
        } catch (WakeupException asked) {
            throw asked;
        } catch (KafkaException error) {
            say("refused " + partition + " " + after + " " + error.getClass().getSimpleName());
        }
    }

    @Override
    public void onPartitionsAssigned(Collection<TopicPartition> partitions) {
        say("assigned", partitions);
    }

    @Override
    public void onPartitionsRevoked(Collection<TopicPartition> partitions) {
        say("revoked", partitions);
    }

    @Override
    public void onPartitionsLost(Collection<TopicPartition> partitions) {
        say("lost", partitions);
    }

    private void say(String word, Collection<TopicPartition> partitions) {
        var names = new TreeSet<String>();
        partitions.forEach(partition -> names.add(partition.toString()));
        say(word + " " + String.join(",", names));
    }

    /** One write per line: all consumers of a group share a pipe. */
    private void say(String line) {
        System.out.print(clientId + " " + line + "\n");
        System.out.flush();
    }
}
