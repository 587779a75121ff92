import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Properties;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.clients.producer.RecordMetadata;
import org.apache.kafka.common.serialization.StringSerializer;

/**
 * A producer of Apache Kafka's own client. Takes the arguments and prints the lines that common.py
 * describes.
 */
final class ProducesWithJava {
    public static void main(String[] args) throws Exception {
        var settings = new Properties();
        settings.put("count", "40");
        for (int i = 0; i + 1 < args.length; i += 2) {
            settings.put(args[i].replaceFirst("^--", ""), args[i + 1]);
        }
        String clientId = settings.getProperty("client-id");
        String topic = settings.getProperty("topic");
        var properties = new Properties();
        properties.putAll(Map.of(
                "bootstrap.servers", settings.getProperty("bootstrap"),
                "client.id", clientId,
                "compression.type", settings.getProperty("compression"),
                "enable.idempotence", settings.getProperty("idempotence").equals("yes") ? "true" : "false",
                "linger.ms", "20",
                "batch.size", "512"));
        try (var producer = new KafkaProducer<>(properties, new StringSerializer(), new StringSerializer())) {
            var sent = new LinkedHashMap<String, Future<RecordMetadata>>();
            for (int number = 1; number <= Integer.parseInt(settings.getProperty("count")); number++) {
                String value = clientId + "/" + number;
                sent.put(value, producer.send(new ProducerRecord<>(topic, value)));
            }
            for (var each : sent.entrySet()) {
                var place = each.getValue().get(20, TimeUnit.SECONDS);
                String where = topic + "-" + place.partition() + " " + place.offset();
                System.out.print(clientId + " produced " + where + " " + each.getKey() + "\n");
            }
            System.out.flush();
        }
    }
}
