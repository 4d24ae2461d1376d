import ArgumentParser

struct DataOption: ParsableArguments {
  @Option(help: ArgumentHelp("Folder of the database and the installation's secret.", valueName: "dir"))
  var data = "./data"
}
