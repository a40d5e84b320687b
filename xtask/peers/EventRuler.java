import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.lang.management.ManagementFactory;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import software.amazon.event.ruler.Machine;

/**
 * event-ruler as a peer: {@code EventRuler EVENTS COUNT} reads the first COUNT lines of EVENTS and then orders from standard input, one a line.
 *
 * <p>{@code rules [..]} takes a JSON array of patterns, lets the compiler at run time get used to them, and answers {@code ready}; {@code run} asks
 * every event once and answers with the nanoseconds of processor time that this thread took, and how many events each pattern matched. What the
 * collector of garbage and that compiler take on threads of their own is not counted. Without arguments it says which Jackson it has.
 */
public final class EventRuler {
    /** How long the compiler is given for each set of rules. */
    private static final long WARM_UP_NS = 2_000_000_000L;

    public static void main(String[] arguments) throws Exception {
        if (arguments.length == 0) {
            System.out.println("Jackson " + new ObjectMapper().version());
            return;
        }
        int count = Integer.parseInt(arguments[1]);
        List<String> events = new ArrayList<>(count);
        try (BufferedReader lines = Files.newBufferedReader(Path.of(arguments[0]), StandardCharsets.UTF_8)) {
            for (String line = lines.readLine(); line != null && events.size() < count; line = lines.readLine()) {
                events.add(line);
            }
        }
        Machine machine = new Machine();
        int rules = 0;
        BufferedReader orders = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
        for (String order = orders.readLine(); order != null; order = orders.readLine()) {
            if (order.startsWith("rules ")) {
                String[] patterns = new ObjectMapper().readValue(order.substring(6), String[].class);
                rules = patterns.length;
                machine = new Machine();
                for (int at = 0; at < rules; at++) {
                    machine.addRule(Integer.toString(at), patterns[at]);
                }
                long begun = cpu();
                while (cpu() - begun < WARM_UP_NS) {
                    ask(machine, events.subList(0, Math.min(events.size(), 5_000)), rules);
                }
                System.out.println("ready");
            } else {
                long begun = cpu();
                long[] found = ask(machine, events, rules);
                StringBuilder answer = new StringBuilder().append(cpu() - begun);
                for (long one : found) {
                    answer.append(' ').append(one);
                }
                System.out.println(answer);
            }
        }
    }

    private static long[] ask(Machine machine, List<String> events, int rules) throws Exception {
        long[] found = new long[rules];
        for (String event : events) {
            for (String rule : machine.rulesForJSONEvent(event)) {
                found[Integer.parseInt(rule)]++;
            }
        }
        return found;
    }

    private static long cpu() {
        return ManagementFactory.getThreadMXBean().getCurrentThreadCpuTime();
    }
}
