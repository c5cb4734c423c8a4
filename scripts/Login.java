// Java's client of Negotiate: HttpURLConnection. It takes the user's ticket from KRB5CCNAME, and no
// password. It prints the status and the page.
// usage: java … Login.java URL

import java.net.HttpURLConnection;
import java.net.URL;
import java.nio.charset.StandardCharsets;

class Login {
  public static void main(String[] args) throws Exception {
    var connection = (HttpURLConnection) new URL(args[0]).openConnection();
    int status = connection.getResponseCode();
    var body = status < 400 ? connection.getInputStream() : connection.getErrorStream();
    var page = body == null ? "" : new String(body.readAllBytes(), StandardCharsets.UTF_8);
    System.out.println(status + " " + page.trim());
  }
}
