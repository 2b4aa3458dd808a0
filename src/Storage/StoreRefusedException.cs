namespace Headwater.Storage;

/// <summary>The store will not open or go on, for a reason an operator can mend. The message says what is wrong and what to do, in words.</summary>
/// <remarks>Thrown for conditions found at start (wrong major version, unsafe durability, a migration that changed); never for a database that is merely away.</remarks>
public sealed class StoreRefusedException : Exception
{
    /// <summary>A refusal with its words.</summary>
    /// <param name="message">What is wrong and what an operator can do about it.</param>
    public StoreRefusedException(string message)
        : base(message)
    {
    }

    /// <summary>A refusal with its words and what caused it.</summary>
    /// <param name="message">What is wrong and what an operator can do about it.</param>
    /// <param name="innerException">The failure behind it.</param>
    public StoreRefusedException(string message, Exception innerException)
        : base(message, innerException)
    {
    }

    /// <summary>A refusal without words; exists because exceptions have three constructors.</summary>
    public StoreRefusedException()
    {
    }
}
