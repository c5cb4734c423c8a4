export async function doctor(args: string[]): Promise<number> {
  return args.length;
}
