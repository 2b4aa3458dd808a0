using System.Xml.Linq;
using Microsoft.AspNetCore.DataProtection.Repositories;
using Npgsql;

namespace Headwater.Accounts.Secrets;

/// <summary>ASP.NET data-protection keys in the database, so that a second server and a restart serve the same sign-in.</summary>
/// <param name="primary">The writable database.</param>
public sealed class DatabaseKeyRepository(NpgsqlDataSource primary) : IXmlRepository
{
    /// <inheritdoc/>
    public IReadOnlyCollection<XElement> GetAllElements()
    {
        // The interface is synchronous; it is asked at start and when a key ages, never for a request.
        using var command = primary.CreateCommand("select xml from accounts.data_protection_key order by key_id");
        using var reader = command.ExecuteReader();
        var elements = new List<XElement>();
        while (reader.Read()) { elements.Add(XElement.Parse(reader.GetString(0))); }
        return elements;
    }

    /// <inheritdoc/>
    public void StoreElement(XElement element, string friendlyName)
    {
        ArgumentNullException.ThrowIfNull(element);
        using var command = primary.CreateCommand("insert into accounts.data_protection_key (friendly_name, xml) values ($1, $2) on conflict (friendly_name) do nothing");
        command.Parameters.Add(new NpgsqlParameter<string> { TypedValue = friendlyName });
        command.Parameters.Add(new NpgsqlParameter<string> { TypedValue = element.ToString(SaveOptions.DisableFormatting) });
        command.ExecuteNonQuery();
    }
}
