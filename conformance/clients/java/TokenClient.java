// SPDX-License-Identifier: Apache-2.0
//
// TokenClient CONFIGURATION - signs with every key of a token as Java applications do it.
//
// The PIN, from the environment, is given to a callback, as a dialog would give it. Signatures are verified by the
// JDK's own providers with the public key of the certificate. Prints TAP without numbers for relay() of lib.sh.

import java.net.InetAddress;
import java.security.AuthProvider;
import java.security.GeneralSecurityException;
import java.security.KeyStore;
import java.security.PrivateKey;
import java.security.Provider;
import java.security.PublicKey;
import java.security.Security;
import java.security.Signature;
import java.security.cert.X509Certificate;
import java.security.spec.MGF1ParameterSpec;
import java.security.spec.PSSParameterSpec;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Random;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.atomic.AtomicInteger;
import javax.net.ssl.KeyManagerFactory;
import javax.net.ssl.KeyStoreBuilderParameters;
import javax.net.ssl.SSLContext;
import javax.net.ssl.SSLServerSocket;
import javax.net.ssl.SSLSocket;
import javax.net.ssl.TrustManager;
import javax.net.ssl.X509ExtendedTrustManager;
import javax.security.auth.callback.Callback;
import javax.security.auth.callback.CallbackHandler;
import javax.security.auth.callback.PasswordCallback;

public final class TokenClient {
    /** A way to sign: the JCA's name, and the digest if it is PSS, whose parameters are given apart. */
    private record Scheme(String keyType, String algorithm, String pssDigest, int pssSaltLength) {
        Signature open(Provider provider) throws GeneralSecurityException {
            Signature signature = provider == null ? Signature.getInstance(algorithm)
                                                   : Signature.getInstance(algorithm, provider);
            if (pssDigest != null)
                signature.setParameter(new PSSParameterSpec(pssDigest, "MGF1",
                        new MGF1ParameterSpec(pssDigest), pssSaltLength, PSSParameterSpec.TRAILER_FIELD_BC));
            return signature;
        }

        @Override
        public String toString() {
            return pssDigest == null ? algorithm : algorithm + " " + pssDigest;
        }
    }

    private static final List<Scheme> SCHEMES = List.of(
            new Scheme("RSA", "SHA256withRSA", null, 0),
            new Scheme("RSA", "SHA384withRSA", null, 0),
            new Scheme("RSA", "SHA512withRSA", null, 0),
            new Scheme("RSA", "RSASSA-PSS", "SHA-256", 32),
            new Scheme("RSA", "RSASSA-PSS", "SHA-384", 48),
            new Scheme("RSA", "RSASSA-PSS", "SHA-512", 64),
            new Scheme("EC", "SHA256withECDSA", null, 0),
            new Scheme("EC", "SHA384withECDSA", null, 0),
            new Scheme("EC", "SHA512withECDSA", null, 0));

    private static final int THREADS = 8;
    private static final int SIGNATURES_PER_THREAD = 12;

    private record Key(String alias, PrivateKey privateKey, X509Certificate certificate) {
        PublicKey publicKey() {
            return certificate.getPublicKey();
        }

        List<Scheme> schemes() {
            return SCHEMES.stream().filter(scheme -> scheme.keyType().equals(privateKey.getAlgorithm())).toList();
        }
    }

    private final AuthProvider provider;
    private final AtomicInteger questions = new AtomicInteger();
    private final KeyStore.Builder builder;
    private final List<Key> keys = new ArrayList<>();
    private final byte[] document = new byte[100_000];

    private TokenClient(String configuration) {
        provider = (AuthProvider) Security.getProvider("SunPKCS11").configure(configuration);
        Security.addProvider(provider);
        builder = KeyStore.Builder.newInstance("PKCS11", provider, new KeyStore.CallbackHandlerProtection(pinDialog()));
        new Random(1).nextBytes(document);
    }

    private CallbackHandler pinDialog() {
        return callbacks -> {
            for (Callback callback : callbacks) {
                if (callback instanceof PasswordCallback question) {
                    questions.incrementAndGet();
                    question.setPassword(System.getenv("PIN").toCharArray());
                }
            }
        };
    }

    private void loadKeys() throws GeneralSecurityException {
        KeyStore store = builder.getKeyStore();
        for (String alias : Collections.list(store.aliases())) {
            if (store.isKeyEntry(alias))
                keys.add(new Key(alias, (PrivateKey) store.getKey(alias, null),
                        (X509Certificate) store.getCertificate(alias)));
        }
    }

    private byte[] sign(Key key, Scheme scheme, byte[] data) throws GeneralSecurityException {
        Signature signature = scheme.open(provider);
        signature.initSign(key.privateKey());
        signature.update(data);
        return signature.sign();
    }

    private static void verify(Key key, Scheme scheme, byte[] data, byte[] value) throws GeneralSecurityException {
        Signature signature = scheme.open(null);
        signature.initVerify(key.publicKey());
        signature.update(data);
        if (!signature.verify(value))
            throw new GeneralSecurityException(scheme + " by " + key.alias() + " does not verify");
    }

    private Void signAndVerify(Key key, Scheme scheme) throws GeneralSecurityException {
        verify(key, scheme, document, sign(key, scheme, document));
        return null;
    }

    private Void signInParts(Key key, Scheme scheme) throws GeneralSecurityException {
        Signature signature = scheme.open(provider);
        signature.initSign(key.privateKey());
        for (int from = 0; from < document.length; from += 777)
            signature.update(document, from, Math.min(777, document.length - from));
        verify(key, scheme, document, signature.sign());
        return null;
    }

    /** Java gives such a session back to its pool when the object is collected, or uses it again. */
    private Void signAfterHalfSignatures(Key key, Scheme scheme) throws GeneralSecurityException {
        for (int i = 0; i < 5; i++) {
            Signature abandoned = scheme.open(provider);
            abandoned.initSign(key.privateKey());
            abandoned.update(document, 0, 1000);
        }
        return signAndVerify(key, scheme);
    }

    private Void signInThreads() throws Exception {
        ExecutorService pool = Executors.newFixedThreadPool(THREADS);
        try {
            List<Future<Void>> results = new ArrayList<>();
            for (int thread = 0; thread < THREADS; thread++) {
                int number = thread;
                results.add(pool.submit(() -> signMany(number)));
            }
            for (Future<Void> result : results)
                result.get();
        } finally {
            pool.shutdown();
        }
        return null;
    }

    private Void signMany(int number) throws GeneralSecurityException {
        for (int i = 0; i < SIGNATURES_PER_THREAD; i++) {
            Key key = keys.get((number + i) % keys.size());
            List<Scheme> schemes = key.schemes();
            if (!schemes.isEmpty())
                signAndVerify(key, schemes.get((number * SIGNATURES_PER_THREAD + i) % schemes.size()));
        }
        return null;
    }

    private Void signAfterLogout() throws Exception {
        int before = questions.get();
        provider.logout();
        provider.login(null, pinDialog());
        if (questions.get() != before + 1)
            throw new IllegalStateException("the PIN was asked for " + (questions.get() - before) + " times");
        keys.clear();
        loadKeys();
        for (Key key : keys) {
            if (!key.schemes().isEmpty())
                signAndVerify(key, key.schemes().get(0));
        }
        return null;
    }

    /** The client is not what is tried here: it trusts anybody whose signature is right. */
    private static final class TrustAnybody extends X509ExtendedTrustManager {
        @Override public void checkClientTrusted(X509Certificate[] chain, String type) { }
        @Override public void checkServerTrusted(X509Certificate[] chain, String type) { }
        @Override public void checkClientTrusted(X509Certificate[] chain, String type, java.net.Socket socket) { }
        @Override public void checkServerTrusted(X509Certificate[] chain, String type, java.net.Socket socket) { }
        @Override public void checkClientTrusted(X509Certificate[] c, String t, javax.net.ssl.SSLEngine e) { }
        @Override public void checkServerTrusted(X509Certificate[] c, String t, javax.net.ssl.SSLEngine e) { }
        @Override public X509Certificate[] getAcceptedIssuers() { return new X509Certificate[0]; }
    }

    private Void serveTls(String protocol) throws Exception {
        KeyManagerFactory factory = KeyManagerFactory.getInstance("NewSunX509");
        factory.init(new KeyStoreBuilderParameters(builder));
        SSLContext serverContext = SSLContext.getInstance("TLS");
        serverContext.init(factory.getKeyManagers(), null, null);
        SSLContext clientContext = SSLContext.getInstance("TLS");
        clientContext.init(null, new TrustManager[] {new TrustAnybody()}, null);

        ExecutorService pool = Executors.newSingleThreadExecutor();
        try (SSLServerSocket listener = (SSLServerSocket) serverContext.getServerSocketFactory()
                     .createServerSocket(0, 5, InetAddress.getLoopbackAddress())) {
            Future<Integer> served = pool.submit((Callable<Integer>) () -> {
                try (SSLSocket peer = (SSLSocket) listener.accept()) {
                    peer.setSoTimeout(20_000);
                    int first = peer.getInputStream().read();
                    peer.getOutputStream().write(first + 1);
                    return first;
                }
            });
            try (SSLSocket client = (SSLSocket) clientContext.getSocketFactory()
                         .createSocket(InetAddress.getLoopbackAddress(), listener.getLocalPort())) {
                client.setSoTimeout(20_000);
                client.setEnabledProtocols(new String[] {protocol});
                client.getOutputStream().write(41);
                if (client.getInputStream().read() != 42 || served.get() != 41)
                    throw new IllegalStateException("the server did not answer");
            }
        } finally {
            pool.shutdownNow();
        }
        return null;
    }

    private static boolean trial(String name, Callable<Void> action) {
        try {
            action.call();
            System.out.println("ok - " + name);
            return true;
        } catch (Exception error) {
            System.out.println("not ok - " + name);
            for (Throwable cause = error; cause != null; cause = cause.getCause())
                System.out.println("# " + cause);
            return false;
        }
    }

    private void run() {
        if (!trial("KeyStore.Builder opens the token with a callback", () -> { loadKeys(); return null; }))
            return;
        trial("it asked for the PIN once", () -> {
            if (questions.get() != 1)
                throw new IllegalStateException("it asked " + questions.get() + " times");
            return null;
        });
        for (Key key : keys) {
            for (Scheme scheme : key.schemes())
                trial(key.alias() + " signs with " + scheme, () -> signAndVerify(key, scheme));
            for (Scheme scheme : key.schemes().stream().limit(1).toList()) {
                trial(key.alias() + " signs in parts", () -> signInParts(key, scheme));
                trial(key.alias() + " signs after signatures left half done",
                        () -> signAfterHalfSignatures(key, scheme));
            }
        }
        trial(THREADS + " threads sign at once", this::signInThreads);
        trial("a TLS 1.3 server signs with the token", () -> serveTls("TLSv1.3"));
        trial("a TLS 1.2 server signs with the token", () -> serveTls("TLSv1.2"));
        trial("after logout and login the keys sign", this::signAfterLogout);
    }

    public static void main(String[] arguments) {
        new TokenClient(arguments[0]).run();
    }
}
