import java.net.Authenticator;
import java.net.HttpURLConnection;
import java.net.PasswordAuthentication;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse.BodyHandlers;

/**
 * Run by {@code exec}, with the vendor's URLs in the code: the JDK's two HTTP clients. They know proxy and trust store from the
 * environment, but show name and password only where an Authenticator gives them.
 *
 * <p>Usage: java ExecClient.java SUBDOMAIN; prints one JSON object.
 */
public final class ExecClient {
    private static final Authenticator OF_THE_ENVIRONMENT = new Authenticator() {
        @Override
        protected PasswordAuthentication getPasswordAuthentication() {
            if (getRequestorType() != RequestorType.PROXY) {
                return null;
            }
            String password = System.getProperty("https.proxyPassword");
            return new PasswordAuthentication(System.getProperty("https.proxyUser"), password.toCharArray());
        }
    };

    public static void main(String[] arguments) throws Exception {
        URI url = URI.create("https://" + arguments[0] + ".rest.marketingcloudapis.com/sandbox/echo");
        int without = get(HttpClient.newHttpClient(), url);
        int with = get(HttpClient.newBuilder().authenticator(OF_THE_ENVIRONMENT).build(), url);
        Authenticator.setDefault(OF_THE_ENVIRONMENT);
        HttpURLConnection older = (HttpURLConnection) url.toURL().openConnection();
        System.out.printf("{\"without\": %d, \"with\": %d, \"older\": %d}%n", without, with, older.getResponseCode());
    }

    private static int get(HttpClient client, URI url) throws Exception {
        return client.send(HttpRequest.newBuilder(url).build(), BodyHandlers.discarding()).statusCode();
    }
}
