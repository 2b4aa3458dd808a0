using System.Security.Cryptography.X509Certificates;

namespace Headwater.HeadEnd.Access;

/// <summary>Judges device certificates by their chain; the handshake has proved that the peer holds the key.</summary>
/// <param name="options">Holds the CAs that are trusted; the machine's own list is not.</param>
/// <param name="time">Clock.</param>
internal sealed class CertificateJudge(AccessOptions options, TimeProvider time)
{
    private const string ClientAuthentication = "1.3.6.1.5.5.7.3.2"; // id-kp-clientAuth, RFC 5280 section 4.2.1.12

    /// <summary>What is wrong with the validity or the use of a certificate whose fingerprint is known; null when nothing.</summary>
    internal string? JudgeLeaf(X509Certificate2 certificate)
    {
        var now = time.GetUtcNow();
        if (now.UtcDateTime < certificate.NotBefore.ToUniversalTime()) { return "the certificate is not valid yet"; }
        if (now.UtcDateTime > certificate.NotAfter.ToUniversalTime()) { return "the certificate has expired"; }
        var usage = certificate.Extensions.OfType<X509EnhancedKeyUsageExtension>().FirstOrDefault();
        return usage is not null && !usage.EnhancedKeyUsages.Cast<System.Security.Cryptography.Oid>().Any(static o => o.Value == ClientAuthentication)
            ? "the certificate is not for client authentication"
            : null;
    }

    /// <summary>What is wrong with a certificate's chain; null when it ends in a CA of ours.</summary>
    internal string? JudgeChain(X509Certificate2 certificate)
    {
        if (JudgeLeaf(certificate) is { } fault) { return fault; }
        if (options.ClientAuthorities.Count == 0) { return "the certificate is not known"; }
        using var chain = new X509Chain();
        chain.ChainPolicy.TrustMode = X509ChainTrustMode.CustomRootTrust;
        chain.ChainPolicy.CustomTrustStore.AddRange(options.ClientAuthorities);
        chain.ChainPolicy.ExtraStore.AddRange(options.ClientAuthorities);
        chain.ChainPolicy.RevocationMode = X509RevocationMode.NoCheck; // revocation is by fingerprint in our own list, in force at once
        chain.ChainPolicy.DisableCertificateDownloads = true;
        chain.ChainPolicy.VerificationTime = time.GetUtcNow().UtcDateTime;
        chain.ChainPolicy.VerificationTimeIgnored = false;
        return chain.Build(certificate) ? null : "the certificate's chain does not end in a CA this server trusts";
    }

    /// <summary>The common name of the subject, or null when there is none or more than one.</summary>
    internal static string? CommonName(X509Certificate2 certificate)
    {
        string? found = null;
        foreach (var name in certificate.SubjectName.EnumerateRelativeDistinguishedNames())
        {
            if (name.HasMultipleElements) { return null; }
            if (name.GetSingleElementType().Value != "2.5.4.3") { continue; }
            if (found is not null) { return null; }
            found = name.GetSingleElementValue();
        }
        return found;
    }
}
